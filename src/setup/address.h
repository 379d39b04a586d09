#ifndef SETUP_ADDRESS_H
#define SETUP_ADDRESS_H

#include "setup/config.h"

#include <stdbool.h>

/* Where a server listens, and whether it may. */

struct address {
	const char *host; /* without brackets; "localhost" is 127.0.0.1 */
	int port;         /* 0: any */
};

/* HOST:PORT, [::1]:8080 for IPv6; in mem. */
int address_read(struct arena *mem, const char *text, struct address *out, struct err *e);

/* An address that other machines reach is refused while customers cannot prove who they are and a
 * tool writes, unless `insecure`; with `demo` always. */
int address_check(
    const struct address *a, const struct config *c, bool demo, bool insecure, struct err *e);

#endif

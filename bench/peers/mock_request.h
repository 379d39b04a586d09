#ifndef PEERS_MOCK_REQUEST_H
#define PEERS_MOCK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* What a request to the scripted model asks for, and whether a provider would take it: every tool
 * call has its result right behind it, and no result is without its call. */

enum {
	N_TOOLS = 3
};

struct request {
	bool stream, include_usage, final, system;
	int n_tools;
	const char *error;
};

/* `error` says why it is refused; NULL: it is not. */
struct request parse_request(const char *p, size_t n, bool openai);

#endif

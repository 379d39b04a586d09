#ifndef NET_ASSETS_H
#define NET_ASSETS_H

#include <stddef.h>

/* Files that are put into the program by tools/embed when it is built: here those of web/. */

struct asset {
	const char *name; /* "chat.html" */
	const unsigned char *bytes;
	size_t n;
};

extern const struct asset assets[]; /* ends with a NULL name */

#endif

#include "net/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A stream from a stranger: the events are the same at once and in pieces, whose length is in the
 * last byte, and so is whether a line was too long. */

#define MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(void *self, const char *name, const char *data, size_t n)
{
	struct buf *all = self;

	if (data[n] || n > MAX)
		abort();
	buf_printf(all, "%zu:%s:%zu:", strlen(name), name, n);
	buf_add(all, data, n);
}

static int feed(struct buf *out, const char *bytes, size_t n, size_t chunk)
{
	struct sse s;
	struct err e;
	int result = 0;

	sse_init(&s, MAX, on_event, out);
	for (size_t at = 0; at < n && result == 0; at += chunk) {
		size_t some = chunk < n - at ? chunk : n - at;
		char *piece = malloc(some);

		memcpy(piece, bytes + at, some);
		result = sse_feed(&s, piece, some, &e);
		free(piece);
	}
	if (result == 0)
		buf_adds(out, sse_end(&s) ? "inside" : "between");
	sse_done(&s);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf a = { 0 }, b = { 0 };

	if (!size)
		return 0;
	if (feed(&a, (const char *)data, size - 1, size) !=
		feed(&b, (const char *)data, size - 1, 1 + data[size - 1] % 32) ||
	    a.len != b.len || memcmp(buf_str(&a), buf_str(&b), a.len) != 0)
		abort();
	buf_done(&a);
	buf_done(&b);
	return 0;
}

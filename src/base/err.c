#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char cause[sizeof(e->msg)];
	va_list ap;
	size_t n;

	memcpy(cause, e->msg, sizeof(cause));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", cause);
	return -1;
}

const char *err_name(enum err_code code)
{
	static const char *const names[] = { "none", "timeout", "canceled", "io", "invalid",
		"denied", "not_found", "conflict", "limit" };

	return code < sizeof(names) / sizeof(*names) ? names[code] : "unknown";
}

void bug(const char *fmt, ...)
{
	va_list ap;

	fputs("bug: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

#include "cli/verb.h"

#include <stdarg.h>
#include <stdio.h>

int verb_help(const struct verb *v)
{
	printf("usage: frontdesk %s %s\n\n%s.\n", v->name, v->arguments, v->summary);
	if (*v->help)
		printf("\n%s", v->help);
	return EXIT_OK;
}

int verb_usage(const struct verb *v, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "frontdesk %s: ", v->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: frontdesk %s %s\n", v->name, v->arguments);
	return EXIT_USAGE;
}

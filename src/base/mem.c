#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p) {
		fputs(
		    "frontdesk: out of memory; unfinished turns go on at the next start\n", stderr);
		_Exit(70);
	}
	return p;
}

void *mem_alloc(size_t size)
{
	return must(calloc(1, size ? size : 1));
}

void *mem_resize(void *p, size_t size)
{
	return must(realloc(p, size ? size : 1));
}

char *mem_strdup(const char *s)
{
	return must(strdup(s));
}

#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

/* Strings to pointers.  The map copies its keys, owns nothing else; `= { 0 }` is an empty one. */

struct map_entry;

struct map {
	struct map_entry **buckets;
	size_t n, size;
};

void *map_get(const struct map *m, const char *key);       /* NULL: not there */
void map_put(struct map *m, const char *key, void *value); /* replaces; value is not NULL */
void *map_take(struct map *m, const char *key);            /* out of the map; NULL: was not there */
void map_done(struct map *m);
/* Calls fn for each, in no order; the map must not change meanwhile. */
void map_each(const struct map *m, void (*fn)(void *value, void *arg), void *arg);

#endif

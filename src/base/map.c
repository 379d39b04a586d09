#include "base/map.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct map_entry {
	struct map_entry *next;
	uint64_t hash;
	void *value;
	char *key;
};

/* FNV-1a, which whoever chooses the keys can defeat: keys are our own ids (100 bits of chance), or
 * a few at a time of a stranger's choice (requests that run). */
static uint64_t hash_of(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

static struct map_entry **find(const struct map *m, const char *key, uint64_t hash)
{
	struct map_entry **at = &m->buckets[hash & (m->size - 1)];

	while (*at && ((*at)->hash != hash || strcmp((*at)->key, key) != 0))
		at = &(*at)->next;
	return at;
}

static void grow(struct map *m)
{
	struct map bigger = { .size = m->size ? m->size * 2 : 16 };

	bigger.buckets = mem_alloc(bigger.size * sizeof(*bigger.buckets));
	for (size_t i = 0; i < m->size; i++)
		while (m->buckets[i]) {
			struct map_entry *e = m->buckets[i],
					 **at = &bigger.buckets[e->hash & (bigger.size - 1)];

			m->buckets[i] = e->next;
			e->next = *at;
			*at = e;
		}
	free(m->buckets);
	m->buckets = bigger.buckets;
	m->size = bigger.size;
}

void *map_get(const struct map *m, const char *key)
{
	struct map_entry *e = m->size ? *find(m, key, hash_of(key)) : NULL;

	return e ? e->value : NULL;
}

void map_put(struct map *m, const char *key, void *value)
{
	uint64_t hash = hash_of(key);
	struct map_entry **at, *e;

	if (m->n >= m->size)
		grow(m);
	at = find(m, key, hash);
	if (*at) {
		(*at)->value = value;
		return;
	}
	e = mem_new(struct map_entry);
	*e = (struct map_entry){ .hash = hash, .value = value, .key = mem_strdup(key) };
	*at = e;
	m->n++;
}

void *map_take(struct map *m, const char *key)
{
	struct map_entry **at = m->size ? find(m, key, hash_of(key)) : NULL, *e = at ? *at : NULL;
	void *value;

	if (!e)
		return NULL;
	*at = e->next;
	value = e->value;
	m->n--;
	free(e->key);
	free(e);
	return value;
}

void map_each(const struct map *m, void (*fn)(void *value, void *arg), void *arg)
{
	for (size_t i = 0; i < m->size; i++)
		for (struct map_entry *e = m->buckets[i], *next; e; e = next) {
			next = e->next;
			fn(e->value, arg);
		}
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->size; i++)
		while (m->buckets[i]) {
			struct map_entry *e = m->buckets[i];

			m->buckets[i] = e->next;
			free(e->key);
			free(e);
		}
	free(m->buckets);
	*m = (struct map){ 0 };
}

#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Heap memory that cannot fail.
 *
 * When the system has no memory left the process says so and stops (exit 70);
 * nothing acknowledged is lost, because it was committed first.  Sizes that
 * strangers control are bounded and refused before anything is allocated. */

void *mem_alloc(size_t size); /* zeroed; free() it */
void *mem_resize(void *p, size_t size);
char *mem_strdup(const char *s);

#define mem_new(type) ((type *)mem_alloc(sizeof(type)))
#define array_len(a)  (sizeof(a) / sizeof(*(a)))

/* The struct that holds this member: container_of(link, struct fiber, in_scope). */
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif

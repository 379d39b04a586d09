#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

/* Memory that dies together.
 *
 * One arena per turn, one per HTTP request, one per loaded configuration, one
 * per test.  Whoever creates the arena frees it; nothing inside is freed on its
 * own.  A pointer that must outlive the arena is copied by the type that keeps
 * it, never by the caller.  Allocation cannot fail (base/mem.h).
 *
 * An arena belongs to one fiber and its children, on one thread. */

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);             /* NULL is fine */
void *arena_alloc(struct arena *a, size_t n); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
void *arena_memdup(struct arena *a, const void *p, size_t n); /* with a NUL behind it */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* A thread keeps a few blocks for its next arena: it gives them back before it ends. */
void arena_thread_ends(void);

/* Run fn(arg) when the arena is freed, last registered first: JSON, statements. */
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);

#define arena_new_of(a, type)   ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (size_t)(n)))

#endif

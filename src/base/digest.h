#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

/* SHA-256, one after another.
 *
 * OpenSSL looks the algorithm up by its name each time, which costs more than hashing a short text:
 * whoever hashes often keeps one of these.  One thread at a time. */

#define DIGEST_SIZE 32

struct digest;

struct digest *digest_new(void);
void digest_free(struct digest *d); /* NULL is fine */

void digest_add(struct digest *d, const void *p, size_t n);
/* Of all that was added since the last end. */
void digest_end(struct digest *d, unsigned char out[DIGEST_SIZE]);

/* Of one text, for whoever hashes now and then; any thread. */
void digest_of(const void *p, size_t n, unsigned char out[DIGEST_SIZE]);

#endif

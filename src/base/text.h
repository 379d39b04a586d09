#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small questions about text and time, with the answers the standards give. */

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool text_is_utf8(const void *p, size_t n);
size_t text_utf8_len(const char *s, size_t n); /* characters in valid UTF-8 */
size_t text_utf8_cut(
    const char *s, size_t n, size_t max); /* largest cut <= max bytes between characters */

bool text_is(const char *a, const char *b); /* both may be NULL; NULL is only NULL */
bool text_starts(const char *s, const char *prefix);
bool text_blank(const char *s); /* nothing but white space */

/* RFC 3339 in UTC with milliseconds: 2026-11-24T15:04:05.123Z.  ms since 1970. */
#define TEXT_TIME_SIZE 32
char *text_time(char out[TEXT_TIME_SIZE], int64_t ms);

/* With the fewest digits that read back as the same number: 0.1, 1e+20. */
#define TEXT_NUMBER_SIZE 32
char *text_number(char out[TEXT_NUMBER_SIZE], double x);

/* Lower-case hexadecimal; out has room for 2n + 1. */
void text_hex(char *out, const unsigned char *p, size_t n);

/* Letters for ids: random bytes as 32-letter alphabet without look-alikes, n letters and a NUL. */
void text_id(char *out, const unsigned char *random, size_t n);

/* Compare secrets without telling by the time taken how much was right. */
bool text_secret_is(const char *a, const char *b);

#endif

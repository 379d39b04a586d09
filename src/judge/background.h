#ifndef JUDGE_BACKGROUND_H
#define JUDGE_BACKGROUND_H

#include <stddef.h>

/* What no shop's intents mean: small talk, the rest of the world, and the scraps that are left
 * when a sentence is cut at its "and"s.  Built-in examples of the background class. */

extern const char *const background[];
extern const size_t background_size;

#endif

#ifndef CLI_HARMLESS_H
#define CLI_HARMLESS_H

#include "base/arena.h"

/* Text of strangers as a terminal may have it, in mem: each control character but newline and tab,
 * and each that turns the direction of writing around, is U+FFFD.  The text is valid UTF-8. */
const char *harmless(struct arena *mem, const char *text);

#endif

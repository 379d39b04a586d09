#ifndef SETUP_DURATION_H
#define SETUP_DURATION_H

#include "base/json.h"

#include <stdint.h>

/* "5s", "500ms", "2m", "1h", or a number of seconds, in milliseconds; -1: none of these. */
int64_t duration_ms(const json_t *v);

#endif

#ifndef SETUP_CURRENCY_H
#define SETUP_CURRENCY_H

#include <stdbool.h>

/* Is this the code of a currency that is in use (ISO 4217)? */
bool currency_known(const char *code);

#endif

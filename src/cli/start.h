#ifndef CLI_START_H
#define CLI_START_H

#include "net/assets.h"

/* The files of examples/start/, which `frontdesk init` writes. */
extern const struct asset start_files[]; /* ends with a NULL name */

#endif

#ifndef SETUP_FILES_H
#define SETUP_FILES_H

#include "base/arena.h"
#include "base/err.h"
#include "setup/mistakes.h"
#include "setup/yaml.h"

#include <stdbool.h>
#include <stddef.h>

/* The files of an agent folder, named in mistakes as whoever runs the program would name them. */

/* folder/name, and name alone where the folder is the current one. */
const char *file_path(struct arena *mem, const char *folder, const char *name);
bool file_exists(const char *path);
/* All of a file, with a NUL behind it, in mem. */
char *file_read(struct arena *mem, const char *path, size_t max, size_t *n, struct err *e);
/* Read a YAML file; NULL after adding the mistake. */
struct yaml *file_yaml(struct mistakes *m, const char *path);
/* A text file: valid UTF-8, not blank; NULL after adding the mistake. */
const char *file_text(struct mistakes *m, const char *path);

#endif

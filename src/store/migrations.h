#ifndef STORE_MIGRATIONS_H
#define STORE_MIGRATIONS_H

#include "db/sqlite.h"

/* Bring the log's tables to this program's version, step by step, in one transaction.  ERR_INVALID:
 * the file was written by a newer frontdesk. To change a table, add a step at the end; a step that
 * was released is never edited. */
int migrations_run(struct sqlite *log, struct err *e);

#endif

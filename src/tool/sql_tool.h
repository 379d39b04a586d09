#ifndef TOOL_SQL_TOOL_H
#define TOOL_SQL_TOOL_H

#include "tool/database.h"
#include "tool/placeholders.h"
#include "tool/tool.h"

/* A compiled sql tool: made by sql.c, run by sql_call.c.  Read only, shared by all calls. */

struct sql_statement {
	const char *text; /* as configured */
	struct placeholders query;
	struct sqlite_shape shape;
};

struct sql_tool {
	struct arena *mem;
	struct sql_database *database;
	bool write;
	struct sql_statement *statements;
	int n;
	int answer; /* the statement whose rows are the result; -1: none returns rows */
	bool one;
	int max_rows;
	size_t max_bytes;
};

void sql_call(const struct tool *t, const struct tool_call *call, struct tool_result *out);

#endif

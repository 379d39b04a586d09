#include "tool/tool.h"

#include "base/mem.h"
#include "base/text.h"
#include "tool/http.h"
#include "tool/sql.h"

/* To add a kind, copy sql.c and add a row. */
static const struct tool_kind *const kinds[] = {
	&sql_tool_kind,
	&http_tool_kind,
	NULL,
};

const struct tool_kind *tool_kind_at(int i)
{
	return i < (int)array_len(kinds) ? kinds[i] : NULL;
}

const struct tool_kind *tool_kind_find(const char *name)
{
	for (size_t i = 0; kinds[i]; i++) {
		if (text_is(kinds[i]->name, name))
			return kinds[i];
	}
	return NULL;
}

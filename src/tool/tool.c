#include "tool/tool.h"

#include "base/text.h"

#include <stdarg.h>

void tool_failed(struct tool_result *out, struct arena *mem, bool retry, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*out = (struct tool_result){
		.status = TOOL_FAILED, .reason = arena_vprintf(mem, fmt, ap), .retry = retry
	};
	va_end(ap);
}

void tool_unknown(struct tool_result *out, struct arena *mem, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*out =
	    (struct tool_result){ .status = TOOL_UNKNOWN, .reason = arena_vprintf(mem, fmt, ap) };
	va_end(ap);
}

const struct tool *toolbox_find(const struct toolbox *box, const char *name)
{
	for (int i = 0; i < box->n; i++) {
		if (text_is(box->tools[i].name, name))
			return &box->tools[i];
	}
	return NULL;
}

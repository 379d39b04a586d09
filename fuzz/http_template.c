#include "base/buf.h"
#include "base/text.h"
#include "net/reach.h"
#include "tool/http.h"
#include "tool/http_tool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A text with names in it, and a URL with a stranger's value in it: the first line of the input is
 * the text, the rest the value of {id}.
 *
 * What was read is written again and read again, and is the same.  A request that is made of it
 * goes to the host that the text says, and the value leads to no other path. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

/* Each name between two control characters. */
static char *flat(struct arena *mem, const struct http_template *t)
{
	struct buf b = { 0 };
	char *out;

	for (int i = 0; i < t->n; i++)
		buf_printf(&b, t->parts[i].kind == HTTP_NAME ? "\1%s\2" : "%s", t->parts[i].text);
	out = arena_strdup(mem, buf_str(&b));
	buf_done(&b);
	return out;
}

/* As somebody would have to write it. */
static char *written(struct arena *mem, const struct http_template *t)
{
	struct buf b = { 0 };
	char *out;

	for (int i = 0; i < t->n; i++) {
		const struct http_part *p = &t->parts[i];

		if (p->kind == HTTP_NAME) {
			check(strlen(p->text) > 0 && !strpbrk(p->text, "{}$ \n"));
			buf_adds(&b, b.len && b.data[b.len - 1] == '$' ? "$" : "");
			buf_printf(&b, "{%s}", p->text);
			continue;
		}
		for (const char *c = p->text; *c; c++) {
			if (*c == '{')
				buf_adds(&b, b.len && b.data[b.len - 1] == '$' ? "$" : "");
			if (*c == '{' || *c == '}')
				buf_add(&b, c, 1);
			buf_add(&b, c, 1);
		}
	}
	out = arena_strdup(mem, buf_str(&b));
	buf_done(&b);
	return out;
}

static void read_again(struct arena *mem, const char *text)
{
	struct http_template t, again;
	struct err e = { 0 };
	size_t offset = 0;

	if (http_template_read(mem, text, &t, &offset, &e) < 0) {
		check(offset < strlen(text) && e.msg[0]);
		return;
	}
	check(http_template_read(mem, written(mem, &t), &again, &offset, &e) == 0);
	check(text_is(flat(mem, &t), flat(mem, &again)));
}

static int count(const char *s, size_t n, char c)
{
	int found = 0;

	for (size_t i = 0; i < n; i++)
		found += s[i] == c;
	return found;
}

static void check_url(const struct http_tool *tool, const char *url)
{
	size_t n = strcspn(url, "?"), path = strlen(tool->origin);
	struct http_target to, meant;
	struct err e;
	int slashes = 0;

	check(http_target_read(&to, url, &e) == 0);
	check(http_target_read(&meant, tool->origin, &e) == 0);
	check(text_is(to.host, meant.host) && to.port == meant.port && to.tls == meant.tls);
	for (int i = 0; i < tool->path.n; i++)
		if (tool->path.parts[i].kind == HTTP_TEXT)
			slashes +=
			    count(tool->path.parts[i].text, strlen(tool->path.parts[i].text), '/');
	check(count(url + path, n - path, '/') == (slashes ? slashes : 1));
	check(!memmem(url + path, n - path, "/../", 4) && !memmem(url + path, n - path, "/./", 3));
}

static void ask(struct arena *mem, const char *url, const char *value)
{
	const struct tool_sources from = { 0 };
	const json_t *parameters =
	    json_read_own(mem, "{\"properties\":{\"id\":{},\"s\":{}},\"required\":[\"id\",\"s\"]}");
	struct tool t = { .name = "t", .kind = &http_tool_kind };
	json_t *config = json_in(mem, json_pack("{ss s{ss}}", "url", url, "query", "q", "{id}"));
	struct caller who = { 0 };
	struct tool_call call = { .caller = &who,
		.arguments = json_in(mem, json_pack("{ss ss}", "id", value, "s", "x")),
		.mem = mem };
	struct tool_mistake where;
	struct tool_result result = { 0 };
	struct http_request r;
	struct err e;

	if (!config || !call.arguments ||
	    http_tool_kind.make(&from, config, parameters, EFFECT_READ, &t.impl, &where, &e) < 0)
		return;
	if (http_request_fill(&t, &call, &r, &result) == 0)
		check_url(t.impl, r.url);
	else
		check(result.status == TOOL_FAILED && result.reason[0]);
	http_tool_kind.free(t.impl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *mem = arena_new();
	char *text = arena_strndup(mem, (const char *)data, size);
	char *line = strchr(text, '\n');

	setenv("KEY", "a{b}$", 1);
	if (line)
		*line++ = '\0';
	read_again(mem, text);
	ask(mem, text, line ? line : "x");
	arena_free(mem);
	return 0;
}

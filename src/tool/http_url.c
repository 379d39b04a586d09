#include "base/buf.h"
#include "base/text.h"
#include "net/reach.h"
#include "tool/http_tool.h"
#include "tool/names.h"

#include <string.h>
#include <strings.h>

/* The URL of an http entry, taken apart when the configuration is read.
 *
 * Where the request goes is the configuration's alone: scheme, host and port hold no name, and the
 * host is one that is listed.  A name may stand in the path and in the query behind it. */

#define A_NAME '\1' /* where one stands, in a URL whose own text was checked */

/* What stands in a URL as it is. */
static bool is_url_text(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~%:@!$&'()*+,;=/?[]", c));
}

static int check_text(struct http_making *m, const struct http_part *p)
{
	for (const char *c = p->text; *c; c++) {
		int64_t offset = (int64_t)p->offset;

		if (is_url_text(*c))
			continue;
		if (p->kind == HTTP_SECRET)
			return http_mistake(m, "/url", offset,
			    "the variable has a character that a URL cannot hold; in `query` it is "
			    "encoded");
		offset += c - p->text;
		if (*c == '#')
			return http_mistake(
			    m, "/url", offset, "what stands behind a # is never sent");
		return http_mistake(m, "/url", offset,
		    "a URL cannot hold this character; written by its bytes it is %%%02X",
		    (unsigned)(unsigned char)*c);
	}
	return 0;
}

/* All of it as one text. */
static char *flat(struct http_making *m, const struct http_template *url)
{
	struct buf b = { 0 };
	char *out;

	for (int i = 0; i < url->n; i++) {
		const struct http_part *p = &url->parts[i];

		if (p->kind == HTTP_NAME) {
			buf_add(&b, &(char){ A_NAME }, 1);
		} else if (check_text(m, p) == 0) {
			buf_adds(&b, p->text);
		} else {
			buf_done(&b);
			return NULL;
		}
	}
	out = arena_strdup(m->tool->mem, buf_str(&b));
	buf_done(&b);
	return out;
}

/* A stretch of it as a template again; *next is the part to look for the next name from. */
static struct http_template stretch(
    struct arena *mem, const struct http_template *url, const char *text, size_t n, int *next)
{
	struct http_template out = { .parts = arena_array(mem, struct http_part, 2 * url->n + 1) };

	for (const char *end = text + n; text < end;) {
		size_t plain = strcspn(text, (char[]){ A_NAME, 0 });

		plain = plain < (size_t)(end - text) ? plain : (size_t)(end - text);
		if (plain)
			out.parts[out.n++] =
			    (struct http_part){ HTTP_TEXT, arena_strndup(mem, text, plain), 0 };
		text += plain;
		if (text == end)
			break;
		while (url->parts[*next].kind != HTTP_NAME)
			++*next;
		out.parts[out.n++] = url->parts[(*next)++];
		text++;
	}
	return out;
}

static int name_in_address(struct http_making *m, const struct http_template *url)
{
	int i = 0;

	while (url->parts[i].kind != HTTP_NAME)
		i++;
	return http_mistake(m, "/url", (int64_t)url->parts[i].offset,
	    "a name cannot stand in the scheme, host or port of a URL: where a request goes is "
	    "fixed");
}

/* The guard's own reading of it, so that what is checked here is what is connected to. */
static int check_origin(struct http_making *m, int64_t offset)
{
	const struct http_tool *tool = m->tool;
	struct http_target to;
	struct permit permit;
	struct err e;

	if (http_target_read(&to, tool->origin, &e) < 0)
		return http_mistake(m, "/url", offset, "%s", e.msg);
	if (reach_permit(tool->reach, &to, &permit, &e) == 0)
		return 0;
	return http_mistake(m, "/url", offset, "%s: http: { allow: [\"%s\"] }", e.msg, tool->host);
}

/* What stands before the path: *n bytes. */
static int read_origin(
    struct http_making *m, const struct http_template *url, const char *text, size_t *n)
{
	static const char name[] = { A_NAME, 0 };
	const char *host = strstr(text, "://");

	if (strcspn(text, name) < strcspn(text, ":") || (host && host[3] == A_NAME))
		return name_in_address(m, url);
	host = host ? host + 3 : text;
	*n = (size_t)(host - text) + strcspn(host, "/?");
	m->tool->origin = arena_strndup(m->tool->mem, text, *n);
	m->tool->host = m->tool->origin + (host - text);
	if (strchr(m->tool->origin, A_NAME))
		return name_in_address(m, url);
	return check_origin(
	    m, url->n && url->parts[0].kind == HTTP_TEXT && host > text ? host - text : -1);
}

/* "." or "..", the dots written either way. */
static bool is_dots(const char *segment, size_t n)
{
	size_t i = 0, dots = 0;

	while (i < n && (segment[i] == '.' || !strncasecmp(segment + i, "%2e", 3))) {
		i += segment[i] == '.' ? 1 : 3;
		dots++;
	}
	return i == n && (dots == 1 || dots == 2);
}

static bool leads_elsewhere(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (is_dots(path, n))
			return true;
		path += n + (path[n] == '/');
	}
	return false;
}

/* What the environment puts in behind the ? is secret; the address is not. */
static void keep_secrets(struct http_making *m, const struct http_template *url)
{
	struct http_template behind = *url;

	while (behind.n && !(behind.parts->kind != HTTP_NAME && strchr(behind.parts->text, '?'))) {
		behind.parts++;
		behind.n--;
	}
	http_keep_secrets(m, &behind);
}

/* A path without one of its parts is another path. */
static int check_path(struct http_making *m, const char *text, size_t n)
{
	const struct http_template *path = &m->tool->path;

	for (int i = 0; i < path->n; i++) {
		const struct http_part *p = &path->parts[i];

		if (p->kind == HTTP_NAME && names_optional(m->parameters, p->text))
			return http_mistake(m, "/url", (int64_t)p->offset,
			    "%s may be left out, and a path needs it; make it a required "
			    "parameter, or say it in `query`",
			    p->text);
	}
	if (leads_elsewhere(arena_strndup(m->tool->mem, text, n)))
		return http_mistake(m, "/url", -1, "the path has a . or .. in it");
	return 0;
}

int http_read_url(struct http_making *m, const char *source)
{
	struct http_tool *tool = m->tool;
	struct http_template url;
	const char *text;
	size_t origin = 0, path;
	int next = 0;

	if (http_compile(m, "/url", source, &url) < 0)
		return -1;
	text = flat(m, &url);
	if (!text || read_origin(m, &url, text, &origin) < 0)
		return -1;
	text += origin;
	path = strcspn(text, "?");
	tool->path = stretch(tool->mem, &url, text, path, &next);
	if (check_path(m, text, path) < 0)
		return -1;
	text += path + (text[path] == '?');
	keep_secrets(m, &url);
	tool->url_query = stretch(tool->mem, &url, text, strlen(text), &next);
	return 0;
}

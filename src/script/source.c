#include "script/inside.h"

#include "base/nearest.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Reads an expression before Lua does.
 *
 * Lua would find an unknown name only when it runs, gives no columns, and its parser recurses
 * as deep as the source wants, on a fiber's stack.  So the source is read here first, by the
 * same grammar without what an expression has no use for: loops, assignments, goto, methods,
 * comments.  What passes is within NESTING_MAX and CHAIN_MAX, which bounds Lua's stack use
 * too, and every name in it is a local one, a function of ours or a name of the caller.
 *
 * Operators are read as a flat row: who binds tighter is Lua's business. */

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_KEYWORD,
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_SIGN,
};

struct token {
	enum token_kind kind;
	size_t at, n;
};

struct reader {
	const char *source;
	const char *const *names;
	struct err *e;
	size_t at;          /* behind `now` */
	struct token now;   /* not used up yet */
	int nesting, chain; /* how deep we are */
	struct token locals[LOCALS_MAX];
	int nlocals;
	char known[300]; /* for a message; not on the stack of what recurses */
};

int source_line(const char *source, size_t at)
{
	int line = 1;

	for (size_t i = 0; i < at; i++)
		line += source[i] == '\n';
	return line;
}

int source_error(struct err *e, const char *source, size_t at, const char *fmt, ...)
{
	size_t start = at;
	int column = 1;
	char what[sizeof(e->msg) - 32];
	va_list ap;

	while (start > 0 && source[start - 1] != '\n')
		start--;
	for (size_t i = start; i < at; i++)
		column += ((unsigned char)source[i] & 0xC0) != 0x80;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(e, ERR_INVALID, "%d:%d: %s", source_line(source, at), column, what);
}

/* Tokens. */

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_keyword(const char *s, size_t n)
{
	static const char *const words[] = { "and", "break", "do", "else", "elseif", "end", "false",
		"for", "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat",
		"return", "then", "true", "until", "while" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i]) == n && !memcmp(words[i], s, n))
			return true;
	return false;
}

/* The length of the sign at s: "==", "<=", "..", "(", ...; 0: no sign of the language. */
static size_t sign_length(const char *s)
{
	static const char *const two[] = { "==", "~=", "<=", ">=", "//", "..", "<<", ">>" };

	for (size_t i = 0; i < sizeof(two) / sizeof(*two); i++)
		if (!strncmp(s, two[i], 2))
			return 2;
	return *s && strchr("+-*/%^#&~|<>=(){}[],.;:", *s) ? 1 : 0;
}

static int character_length(const char *s)
{
	int n = 1;

	while (((unsigned char)s[n] & 0xC0) == 0x80)
		n++;
	return n;
}

static int string_end(struct reader *r, size_t *end)
{
	const char *s = r->source;
	size_t start = *end;
	char quote = s[start];
	size_t i = start + 1;

	while (s[i] != quote) {
		if (!s[i] || s[i] == '\n')
			return source_error(r->e, s, start, "this text has no closing %c", quote);
		if (s[i] == '\\' && s[i + 1])
			i++;
		i++;
	}
	*end = i + 1;
	return 0;
}

static size_t number_end(const char *s, size_t i)
{
	for (; word_char(s[i]) || s[i] == '.'; i++) {
		bool hex = s[i] == 'p' || s[i] == 'P';

		if ((hex || s[i] == 'e' || s[i] == 'E') && (s[i + 1] == '+' || s[i + 1] == '-'))
			i++;
	}
	return i;
}

static int next(struct reader *r)
{
	const char *s = r->source;
	size_t i = r->at;

	while (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r')
		i++;
	r->now = (struct token){ TOKEN_END, i, 0 };
	r->at = i;
	if (!s[i])
		return 0;
	if (!strncmp(s + i, "--", 2))
		return source_error(r->e, s, i, "comments (--) are not allowed in an expression");
	if (!strncmp(s + i, "[[", 2) || !strncmp(s + i, "[=", 2))
		return source_error(r->e, s, i, "write a text in quotes, not in [[ ]]");
	if (!strncmp(s + i, "...", 3))
		return source_error(r->e, s, i, "'...' is not allowed: name the parameters");
	if (isdigit((unsigned char)s[i]) || (s[i] == '.' && isdigit((unsigned char)s[i + 1]))) {
		r->now.kind = TOKEN_NUMBER;
		r->at = number_end(s, i);
	} else if (word_char(s[i])) {
		while (word_char(s[r->at]))
			r->at++;
		r->now.kind = is_keyword(s + i, r->at - i) ? TOKEN_KEYWORD : TOKEN_NAME;
	} else if (s[i] == '"' || s[i] == '\'') {
		r->now.kind = TOKEN_STRING;
		if (string_end(r, &r->at) < 0)
			return -1;
	} else if (sign_length(s + i)) {
		r->now.kind = TOKEN_SIGN;
		r->at += sign_length(s + i);
	} else {
		return source_error(
		    r->e, s, i, "unexpected character '%.*s'", character_length(s + i), s + i);
	}
	r->now.n = r->at - i;
	return 0;
}

static bool is(const struct reader *r, const char *what)
{
	return (r->now.kind == TOKEN_SIGN || r->now.kind == TOKEN_KEYWORD) &&
	       strlen(what) == r->now.n && !memcmp(r->source + r->now.at, what, r->now.n);
}

static int unexpected(struct reader *r, const char *expected)
{
	if (r->now.kind == TOKEN_END)
		return source_error(
		    r->e, r->source, r->now.at, "expected %s, but it ends here", expected);
	return source_error(r->e, r->source, r->now.at, "expected %s, got '%.*s'", expected,
	    (int)(r->now.n < 40 ? r->now.n : 40), r->source + r->now.at);
}

static int expect(struct reader *r, const char *what)
{
	char quoted[16];

	if (is(r, what))
		return next(r);
	snprintf(quoted, sizeof(quoted), "'%s'", what);
	return unexpected(r, quoted);
}

/* Names. */

static int declare(struct reader *r)
{
	const struct token *t = &r->now;

	if (t->kind != TOKEN_NAME)
		return unexpected(r, "a name");
	if (r->nlocals == LOCALS_MAX)
		return source_error(r->e, r->source, t->at, "more than %d local names", LOCALS_MAX);
	if (t->n == 4 && !memcmp(r->source + t->at, "_ENV", 4))
		return source_error(r->e, r->source, t->at, "'_ENV' cannot be a name");
	r->locals[r->nlocals++] = *t;
	return next(r);
}

static bool listed(const char *const *names, const char *s, size_t n)
{
	for (; *names; names++)
		if (strlen(*names) == n && !memcmp(*names, s, n))
			return true;
	return false;
}

/* "known are: customer, slots, ..." as far as it fits. */
static const char *known_names(struct reader *r)
{
	size_t n = 0, size = sizeof(r->known);
	char *out = r->known;

	out[0] = '\0';
	for (const char *const *name = r->names; *name; name++) {
		if (n + strlen(*name) + 8 > size) {
			snprintf(out + n, size - n, ", ...");
			break;
		}
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", *name);
	}
	return n ? out : "only functions";
}

/* Kept out of use_name(), whose frame is on the stack of what recurses. */
static int __attribute__((noinline)) unknown_name(struct reader *r, const char *s, size_t n)
{
	char name[64], hint[120];
	struct nearest near;

	snprintf(name, sizeof(name), "%.*s", (int)n, s);
	near = nearest_to(name);
	for (const char *const *known = r->names; *known; known++)
		nearest_try(&near, *known);
	for (size_t i = 0; function_name(i); i++)
		nearest_try(&near, function_name(i));
	return source_error(r->e, r->source, r->now.at, "unknown name '%s'%s (known here: %s)",
	    name, nearest_hint(&near, hint, sizeof(hint)), known_names(r));
}

static int use_name(struct reader *r)
{
	const char *s = r->source + r->now.at;
	size_t n = r->now.n;

	for (int i = r->nlocals - 1; i >= 0; i--)
		if (r->locals[i].n == n && !memcmp(r->source + r->locals[i].at, s, n))
			return next(r);
	if (function_known(s, n) || listed(r->names, s, n))
		return next(r);
	return unknown_name(r, s, n);
}

/* The grammar. */

static int expression(struct reader *r);
static int block(struct reader *r);

static int deeper(struct reader *r)
{
	if (++r->nesting > NESTING_MAX)
		return source_error(
		    r->e, r->source, r->now.at, "nested deeper than %d levels", NESTING_MAX);
	return 0;
}

static int expressions(struct reader *r)
{
	for (;;) {
		if (expression(r) < 0)
			return -1;
		if (!is(r, ","))
			return 0;
		if (next(r) < 0)
			return -1;
	}
}

/* (a, b) return a < b end */
static int function_body(struct reader *r)
{
	int outside = r->nlocals;

	if (deeper(r) < 0 || expect(r, "(") < 0)
		return -1;
	while (!is(r, ")")) {
		if (declare(r) < 0)
			return -1;
		if (!is(r, ","))
			break;
		if (next(r) < 0)
			return -1;
	}
	if (expect(r, ")") < 0 || block(r) < 0 || expect(r, "end") < 0)
		return -1;
	r->nlocals = outside;
	r->nesting--;
	return 0;
}

static bool assigns(const char *s)
{
	s += strspn(s, " \t\r\n");
	return s[0] == '=' && s[1] != '=';
}

/* One item of { ... }: [key] = value, name = value, value. */
static int table_item(struct reader *r)
{
	if (is(r, "["))
		return next(r) < 0 || expression(r) < 0 || expect(r, "]") < 0 || expect(r, "=") < 0
			   ? -1
			   : expression(r);
	if (r->now.kind == TOKEN_NAME && assigns(r->source + r->at))
		return next(r) < 0 || next(r) < 0 ? -1 : expression(r);
	return expression(r);
}

static int table(struct reader *r)
{
	if (deeper(r) < 0 || expect(r, "{") < 0)
		return -1;
	while (!is(r, "}")) {
		if (table_item(r) < 0)
			return -1;
		if (!is(r, ",") && !is(r, ";"))
			break;
		if (next(r) < 0)
			return -1;
	}
	r->nesting--;
	return expect(r, "}");
}

static int bracketed(struct reader *r, const char *open, const char *close)
{
	if (deeper(r) < 0 || expect(r, open) < 0)
		return -1;
	if (!(is(r, ")") && *close == ')') && expressions(r) < 0)
		return -1;
	r->nesting--;
	return expect(r, close);
}

/* What may follow a value: .name [key] (arguments) "text" {table} */
static int suffixes(struct reader *r)
{
	for (;;) {
		if (is(r, ".")) {
			if (next(r) < 0)
				return -1;
			if (r->now.kind != TOKEN_NAME)
				return unexpected(r, "the name of a key");
			if (next(r) < 0)
				return -1;
		} else if (is(r, "[")) {
			if (bracketed(r, "[", "]") < 0)
				return -1;
		} else if (is(r, "(")) {
			if (bracketed(r, "(", ")") < 0)
				return -1;
		} else if (is(r, ":")) {
			return source_error(r->e, r->source, r->now.at,
			    "methods (value:name()) are not allowed; write name(value)");
		} else if (is(r, "{")) {
			if (table(r) < 0)
				return -1;
		} else if (r->now.kind == TOKEN_STRING) {
			if (next(r) < 0)
				return -1;
		} else {
			return 0;
		}
	}
}

static int value(struct reader *r)
{
	size_t at = r->now.at;

	if (r->now.kind == TOKEN_NUMBER || r->now.kind == TOKEN_STRING || is(r, "nil") ||
	    is(r, "true") || is(r, "false"))
		return next(r);
	if (is(r, "{"))
		return table(r);
	if (is(r, "function"))
		return next(r) < 0 ? -1 : function_body(r);
	if (is(r, "(")) {
		if (next(r) < 0 || deeper(r) < 0)
			return -1;
		if (expression(r) < 0)
			return -1;
		r->nesting--;
		if (!is(r, ")"))
			return source_error(r->e, r->source, at, "this ( is never closed");
		return next(r) < 0 ? -1 : suffixes(r);
	}
	if (r->now.kind == TOKEN_NAME)
		return use_name(r) < 0 ? -1 : suffixes(r);
	return unexpected(r, "a value");
}

static bool is_any(const struct reader *r, const char *const *signs)
{
	for (; *signs; signs++)
		if (is(r, *signs))
			return true;
	return false;
}

/* Operators that Lua's parser stays inside of until the expression ends. */
static int chain(struct reader *r)
{
	if (++r->chain > CHAIN_MAX)
		return source_error(
		    r->e, r->source, r->now.at, "more than %d operators in a row", CHAIN_MAX);
	return 0;
}

static int expression(struct reader *r)
{
	static const char *const before[] = { "not", "-", "#", "~", NULL };
	static const char *const between[] = { "+", "-", "*", "/", "//", "%", "^", "&", "~", "|",
		"<<", ">>", "..", "<", ">", "<=", ">=", "==", "~=", "and", "or", NULL };
	int outside = r->chain;

	for (;;) {
		while (is_any(r, before))
			if (chain(r) < 0 || next(r) < 0)
				return -1;
		if (value(r) < 0)
			return -1;
		if (is(r, "="))
			return source_error(
			    r->e, r->source, r->now.at, "'=' does not compare; write '=='");
		if (!is_any(r, between))
			break;
		if (((is(r, "..") || is(r, "^")) && chain(r) < 0) || next(r) < 0)
			return -1;
	}
	r->chain = outside;
	return 0;
}

static int local_statement(struct reader *r)
{
	int first = r->nlocals;
	struct token hidden[8];
	int n = 0;

	if (next(r) < 0)
		return -1;
	if (is(r, "function"))
		return next(r) < 0 || declare(r) < 0 ? -1 : function_body(r);
	for (;;) {
		if (n == 8)
			return source_error(
			    r->e, r->source, r->now.at, "more than 8 names in one 'local'");
		hidden[n] = r->now;
		if (declare(r) < 0)
			return -1;
		n++;
		if (!is(r, ","))
			break;
		if (next(r) < 0)
			return -1;
	}
	/* `local x = x`: the names are in sight only behind the statement. */
	r->nlocals = first;
	if (expect(r, "=") < 0 || expressions(r) < 0)
		return -1;
	for (int i = 0; i < n; i++)
		r->locals[r->nlocals++] = hidden[i];
	return 0;
}

static int if_statement(struct reader *r)
{
	if (deeper(r) < 0)
		return -1;
	do {
		if (next(r) < 0 || expression(r) < 0 || expect(r, "then") < 0 || block(r) < 0)
			return -1;
	} while (is(r, "elseif"));
	if (is(r, "else") && (next(r) < 0 || block(r) < 0))
		return -1;
	r->nesting--;
	return expect(r, "end");
}

static int return_statement(struct reader *r)
{
	static const char *const closing[] = { "end", "else", "elseif", ";", NULL };

	if (next(r) < 0)
		return -1;
	if (!is_any(r, closing) && expressions(r) < 0)
		return -1;
	return is(r, ";") ? next(r) : 0;
}

static int not_a_statement(struct reader *r)
{
	static const char *const loops[] = { "while", "for", "repeat", NULL };

	if (is_any(r, loops))
		return source_error(r->e, r->source, r->now.at,
		    "there are no loops ('%.*s'); use any, all, filter, map, sum or count",
		    (int)r->now.n, r->source + r->now.at);
	return unexpected(r, "'local', 'if', 'return' or 'end'");
}

/* What is between function(...) and end. */
static int block(struct reader *r)
{
	static const char *const closing[] = { "end", "else", "elseif", NULL };
	int outside = r->nlocals, failed = 0;

	while (!failed && !is_any(r, closing)) {
		if (is(r, "return")) {
			failed = return_statement(r);
			break;
		}
		if (is(r, "local"))
			failed = local_statement(r);
		else if (is(r, "if"))
			failed = if_statement(r);
		else if (is(r, ";"))
			failed = next(r);
		else
			failed = not_a_statement(r);
	}
	r->nlocals = outside;
	return failed;
}

int source_read(const char *source, size_t *at, const char *const *names, struct err *e)
{
	struct reader r = { .source = source, .names = names, .e = e, .at = *at };
	size_t start = *at;

	if (next(&r) < 0)
		return -1;
	if (r.now.kind == TOKEN_END)
		return source_error(e, source, r.now.at, "there is no expression");
	if (expression(&r) < 0)
		return -1;
	if (r.now.at - start > SOURCE_MAX)
		return source_error(
		    e, source, start, "an expression has at most %d bytes", SOURCE_MAX);
	*at = r.now.at;
	return 0;
}

#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/pattern.h"

#include "base/mem.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_LIMIT   100000
#define JIT_STACK     (16 * 1024) /* of its own: a fiber's is small */
#define JIT_STACK_MAX (256 * 1024)

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *found;
	pcre2_jit_stack *stack;
};

struct pattern *pattern_new(const char *source, struct err *e)
{
	PCRE2_UCHAR words[160];
	PCRE2_SIZE at;
	int code;
	struct pattern *p = mem_new(struct pattern);

	p->code = pcre2_compile(
	    (PCRE2_SPTR)source, strlen(source), PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
	if (!p->code) {
		pcre2_get_error_message(code, words, sizeof(words));
		err_set(
		    e, ERR_INVALID, "pattern \"%.60s\" at %zu: %s", source, at + 1, (char *)words);
		free(p);
		return NULL;
	}
	pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* without it it is slower, not wrong */
	p->limits = pcre2_match_context_create(NULL);
	p->found = pcre2_match_data_create_from_pattern(p->code, NULL);
	p->stack = pcre2_jit_stack_create(JIT_STACK, JIT_STACK_MAX, NULL);
	if (!p->limits || !p->found || !p->stack)
		bug("no memory for a pattern");
	pcre2_jit_stack_assign(p->limits, NULL, p->stack);
	pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(p->limits, 1024);
	return p;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_jit_stack_free(p->stack);
	pcre2_match_data_free(p->found);
	pcre2_match_context_free(p->limits);
	pcre2_code_free(p->code);
	free(p);
}

bool pattern_find(
    const struct pattern *p, const char *text, size_t n, size_t from, size_t *start, size_t *end)
{
	const PCRE2_SIZE *at;

	if (from > n || pcre2_match(p->code, (PCRE2_SPTR)text, n, from, 0, p->found, p->limits) < 0)
		return false;
	at = pcre2_get_ovector_pointer(p->found);
	*start = at[0];
	*end = at[1];
	return true;
}

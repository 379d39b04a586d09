#include "model/capabilities.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

#define THINKING_ROOM 8192

const char capabilities_schema[] =
    "type: object\n"
    "additionalProperties: false\n"
    "properties:\n"
    "  sampling:\n"
    "    type: object\n"
    "    additionalProperties: false\n"
    "    properties:\n"
    "      temperature: { type: number, minimum: 0, maximum: 2 }\n"
    "      top_p: { type: number, minimum: 0, maximum: 1 }\n"
    "      top_k: { type: integer, minimum: 1 }\n"
    "      seed: { type: integer }\n"
    "  token_field: { enum: [max_tokens, max_completion_tokens] }\n"
    "  effort: { type: string, pattern: '^[a-z]{1,20}$' }\n"
    "  effort_with_tools: { type: string, pattern: '^[a-z]{1,20}$' }\n"
    "  thinking:\n"
    "    anyOf:\n"
    "      - { enum: [adaptive, disabled, between_tools] }\n"
    "      - { type: integer, minimum: 1024, maximum: 64000 }\n"
    "  thinking_tokens: { type: integer, minimum: 0, maximum: 64000 }\n"
    "  parallel_calls: { type: boolean }\n"
    "  cache_control: { type: boolean }\n"
    "  system_in_history: { type: boolean }\n"
    "  alternate: { type: boolean }\n"
    "  reasoning_replay: { type: boolean }\n"
    "  usage_option: { type: boolean }\n"
    "  call_ids: { enum: [ours, short] }\n";

static const char openai_host[] = "api.openai.com";

static bool in_host(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);

	return h >= d && text_is(host + h - d, domain) && (h == d || host[h - d - 1] == '.');
}

static bool of_family(const char *model, const char *const *names)
{
	for (; *names; names++)
		if (strstr(model, *names))
			return true;
	return false;
}

/* claude-opus-4-8, and the fifth generation: system messages in the history, and they think unless
 * told otherwise. */
static bool is_new_claude(const char *model)
{
	static const char *const names[] = { "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5",
		"claude-haiku-5", "claude-fable-5", "claude-mythos-5", NULL };

	return of_family(model, names);
}

static void anthropic(struct capabilities *c, const char *host, const char *model)
{
	bool own = in_host(host, "anthropic.com");

	c->cache_control = own || strstr(model, "claude");
	c->system_in_history = own && is_new_claude(model);
	c->thinking_tokens = is_new_claude(model) ? THINKING_ROOM : 0;
	c->alternate = !own;
	c->reasoning_replay = true;
}

static void openai(struct capabilities *c, const char *host, const char *model)
{
	static const char *const mistral[] = { "mistral", "ministral", "codestral", "magistral",
		"devstral", "mixtral", NULL };
	static const char *const back[] = { "deepseek-v4", "deepseek-reasoner", NULL };
	bool own = in_host(host, openai_host), azure = in_host(host, "openai.azure.com");

	if (own || azure)
		c->token_field = "max_completion_tokens";
	/* These refuse tools together with the effort they would choose themselves. */
	if (own && (text_starts(model, "gpt-5.") || text_starts(model, "gpt-6")))
		c->effort_with_tools = "none";
	c->cache_key = own;
	c->system_in_history = own || azure;
	c->alternate = !(own || azure);
	c->reasoning_replay = in_host(host, "deepseek.com") || of_family(model, back);
	c->usage_option = !in_host(host, "mistral.ai");
	c->short_ids = in_host(host, "mistral.ai") || of_family(model, mistral);
}

void capabilities_default(
    struct capabilities *c, enum model_api api, const char *host, const char *model)
{
	*c = (struct capabilities){ .token_field = "max_tokens", .parallel_calls = -1 };
	if (api == API_ANTHROPIC)
		anthropic(c, host, model);
	else
		openai(c, host, model);
}

static void read_flag(const json_t *entry, const char *key, bool *flag)
{
	const json_t *v = json_object_get(entry, key);

	if (json_is_boolean(v))
		*flag = json_is_true(v);
}

static void read_thinking(struct capabilities *c, const json_t *entry)
{
	const json_t *v = json_object_get(entry, "thinking");

	if (!v)
		return;
	c->thinking = json_string_value(v);
	c->thinking_budget = (int)json_integer_value(v);
	if (text_is(c->thinking, "disabled"))
		c->thinking_tokens = 0;
	else if (c->thinking_budget)
		c->thinking_tokens = c->thinking_budget;
	else if (!c->thinking_tokens)
		c->thinking_tokens = THINKING_ROOM;
}

void capabilities_read(struct capabilities *c, const json_t *entry)
{
	const json_t *sampling = json_object_get(entry, "sampling");
	bool parallel = c->parallel_calls == 1;

	c->token_field = json_str_or(entry, "token_field", c->token_field);
	c->effort = json_str_or(entry, "effort", c->effort);
	c->effort_with_tools = json_str_or(entry, "effort_with_tools", c->effort_with_tools);
	read_thinking(c, entry);
	c->thinking_tokens = (int)json_int(entry, "thinking_tokens", c->thinking_tokens);
	if (c->thinking_tokens < c->thinking_budget) /* it would be refused */
		c->thinking_tokens = c->thinking_budget;
	if (json_object_size(sampling))
		c->sampling = sampling;
	read_flag(entry, "parallel_calls", &parallel);
	if (json_object_get(entry, "parallel_calls"))
		c->parallel_calls = parallel;
	read_flag(entry, "cache_control", &c->cache_control);
	read_flag(entry, "system_in_history", &c->system_in_history);
	read_flag(entry, "alternate", &c->alternate);
	read_flag(entry, "reasoning_replay", &c->reasoning_replay);
	read_flag(entry, "usage_option", &c->usage_option);
	if (json_str(entry, "call_ids"))
		c->short_ids = text_is(json_str(entry, "call_ids"), "short");
}

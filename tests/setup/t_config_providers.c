/* providers of an agent folder: what becomes of them, and every line that is said about wrong
 * ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/setup/folder.h"

#include "base/text.h"

#include <cmocka.h>

#define MODELS "models:\n  main: scripted:talk.yaml\n"

static struct folder with(const char *text)
{
	struct folder f = folder_good();

	folder_replace(&f, "agent.yaml", MODELS, text);
	return f;
}

static void said(const char *text, const char *want)
{
	struct folder f = with(text);
	struct arena *mem = arena_new();
	const char *lines = folder_mistakes(&f, mem);

	if (strcmp(lines, want) != 0)
		fprintf(stderr, "with %s:\n", text);
	assert_string_equal(lines, want);
	arena_free(mem);
	folder_remove(&f);
}

struct opened {
	struct folder folder;
	struct arena *mem;
	struct world *world;
	struct agent_setup *setup;
};

static struct opened open_with(const char *text)
{
	struct opened o = { .folder = with(text), .mem = arena_new(), .world = world_sim(1) };
	struct mistakes *m = arena_new_of(o.mem, struct mistakes);

	*m = mistakes_none(o.mem);
	o.setup = folder_open(&o.folder, m, o.world);
	for (int i = 0; i < m->n; i++)
		fprintf(stderr, "%s\n", mistake_line(o.mem, &m->list[i]));
	assert_non_null(o.setup);
	return o;
}

static void close_it(struct opened *o)
{
	agent_setup_close(o->setup);
	world_free(o->world);
	arena_free(o->mem);
	folder_remove(&o->folder);
}

static void a_provider_is_made_of_what_is_written(void **state)
{
	struct opened o;
	const struct provider *p;
	const struct model_entry *e;

	(void)state;
	setenv("FRONTDESK_TEST_KEY", "secret", 1);
	o = open_with("providers:\n"
		      "  claude: { api: anthropic, key: \"${FRONTDESK_TEST_KEY}\" }\n"
		      "  azure:\n"
		      "    api: openai\n"
		      "    key: ${FRONTDESK_TEST_KEY}\n"
		      "    base_url: https://x.openai.azure.com/openai/v1?api-version=preview\n"
		      "    auth: api-key\n"
		      "    stream: false\n"
		      "    headers: { x-team: support }\n"
		      "    timeouts: { connect: 2, first_byte: 1m, silence: 500ms }\n"
		      "    models:\n"
		      "      \"meta/llama-4:free\": { effort: low, call_ids: short }\n"
		      "models:\n"
		      "  main: [claude/claude-sonnet-5-5, \"azure/meta/llama-4:free\", builtin]\n");
	assert_int_equal(o.setup->agent.nchain, 3);
	assert_string_equal(o.setup->agent.chain[0]->name, "claude/claude-sonnet-5-5");
	assert_string_equal(o.setup->agent.chain[1]->name, "azure/meta/llama-4:free");
	p = &o.setup->providers[0];
	assert_string_equal(p->base_url, "https://api.anthropic.com/v1");
	assert_string_equal(p->version, "2026-10-21");
	assert_string_equal(p->key, "secret");
	assert_int_equal(p->auth, AUTH_BEARER);
	assert_true(p->stream);
	assert_int_equal(p->first_byte_ms, 30000);
	p = &o.setup->providers[1];
	assert_ptr_equal(p->client, o.setup->providers[0].client);
	assert_null(p->version);
	assert_int_equal(p->auth, AUTH_API_KEY);
	assert_false(p->stream);
	assert_string_equal(p->fields[0].name, "x-team");
	assert_int_equal(p->connect_ms, 2000);
	assert_int_equal(p->first_byte_ms, 60000);
	assert_int_equal(p->silence_ms, 500);
	e = &o.setup->config->models[1];
	assert_string_equal(e->id, "meta/llama-4:free");
	assert_string_equal(e->can.effort, "low");
	assert_true(e->can.short_ids);
	assert_true(e->can.system_in_history); /* the host's default */
	close_it(&o);
}

static void an_older_version_has_its_own_way_to_sign(void **state)
{
	struct opened o =
	    open_with("providers: { a: { api: anthropic, key: k, version: 2023-06-01 } }\n"
		      "models: { main: a/m }\n");

	(void)state;
	assert_int_equal(o.setup->providers[0].auth, AUTH_X_API_KEY);
	assert_string_equal(o.setup->providers[0].version, "2023-06-01");
	close_it(&o);
}

static void without_its_key_a_provider_is_passed_over_with_a_note(void **state)
{
	static const char *const values[] = { NULL, "" };
	const char *note;

	(void)state;
	for (size_t i = 0; i < array_len(values); i++) {
		struct opened o;

		unsetenv("FRONTDESK_TEST_KEY");
		if (values[i])
			setenv("FRONTDESK_TEST_KEY", values[i], 1);
		o = open_with(
		    "providers:\n  claude: { api: anthropic, key: \"${FRONTDESK_TEST_KEY}\" }\n"
		    "models:\n  main: [claude/claude-sonnet-5-5, scripted:talk.yaml]\n"
		    "  strong: claude/claude-opus-5-5\n");
		assert_int_equal(o.setup->agent.nchain, 1);
		assert_string_equal(o.setup->agent.chain[0]->name, "scripted");
		assert_int_equal(o.setup->agent.nstrong, 0);
		assert_int_equal(o.setup->config->notes.n, 2);
		note = mistake_line(o.mem, &o.setup->config->notes.list[0]);
		assert_non_null(strstr(note, "agent.yaml:6:10: models.main[0]: "
					     "claude/claude-sonnet-5-5 is passed over: the "
					     "environment variable FRONTDESK_TEST_KEY, the key of "
					     "claude, is not set"));
		close_it(&o);
	}
	said("providers:\n  claude: { api: anthropic, key: \"${FRONTDESK_TEST_KEY}\" }\n"
	     "models:\n  main: [claude/claude-sonnet-5-5]\n",
	    "agent.yaml:6:3: models.main: nobody could answer: no provider named here has its key "
	    "(claude/claude-sonnet-5-5 is passed over: the environment variable "
	    "FRONTDESK_TEST_KEY, "
	    "the key of claude, is not set); set it, or add builtin\n");
	/* Any other variable is a mistake, and so is a key that is only half of one. */
	said("providers:\n  claude: { api: anthropic, key: \"x${FRONTDESK_TEST_NONE}\" }\n" MODELS,
	    "agent.yaml:4:36: providers.claude.key: the environment variable FRONTDESK_TEST_NONE "
	    "is "
	    "not set\n");
	said("providers:\n  p: { api: openai, base_url: \"http://${FRONTDESK_TEST_NONE}/v1\" "
	     "}\n" MODELS,
	    "agent.yaml:4:39: providers.p.base_url: the environment variable FRONTDESK_TEST_NONE "
	    "is "
	    "not set\n");
}

static void what_is_said_of_a_model_that_nobody_asks_is_noted(void **state)
{
	struct opened o =
	    open_with("providers:\n  p: { api: openai, base_url: \"http://a.example/v1\",\n"
		      "       models: { m: { effort: low }, n: { effort: low } } }\n"
		      "models: { main: [p/m] }\n"
		      "prices: { m: [{ from: 2026-10-07, input: 1, output: 2 }] }\n");

	(void)state;
	assert_int_equal(o.setup->config->notes.n, 1);
	assert_string_equal(mistake_line(o.mem, &o.setup->config->notes.list[0]),
	    arena_printf(o.mem,
		"%s/agent.yaml:5:38: providers.p.models.n: no chain of models has p/n",
		o.setup->config->folder));
	close_it(&o);
}

static void wrong_providers_are_told(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "providers: { p: { key: x } }\n" MODELS,
		    "agent.yaml:3:14: providers.p: missing \"api\"\n" },
		{ "providers: { p: { api: antropic, key: x } }\n" MODELS,
		    "agent.yaml:3:19: providers.p.api: expected one of \"anthropic\", \"openai\"; "
		    "did "
		    "you mean \"anthropic\"?\n" },
		{ "providers: { p: { api: openai, kee: x, key: y } }\n" MODELS,
		    "agent.yaml:3:32: providers.p.kee: unknown key \"kee\"; did you mean "
		    "\"key\"?\n" },
		{ "providers: { p: { api: openai } }\n" MODELS,
		    "agent.yaml:3:14: providers.p: needs a key, such as key: ${OPENAI_API_KEY}\n" },
		{ "providers: { p: { api: openai, auth: none } }\n" MODELS, "" },
		{ "providers: { p: { api: openai, base_url: \"127.0.0.1:8000\" } }\n" MODELS,
		    "agent.yaml:3:32: providers.p.base_url: expected http://... or https://...\n" },
		{ "providers: { p: { api: openai, base_url: \"http://\" } }\n" MODELS,
		    "agent.yaml:3:32: providers.p.base_url: is no URL, such as https://HOST/v1\n" },
		{ "providers: { p: { api: openai, base_url: \"http://me:pw@host/v1\" } }\n" MODELS,
		    "agent.yaml:3:32: providers.p.base_url: holds a user or password: put the key "
		    "under key or headers\n" },
		{ "providers: { p: { api: openai, key: x, version: 2023-06-01 } }\n" MODELS,
		    "agent.yaml:3:40: providers.p.version: means something with api: anthropic "
		    "only\n" },
		{ "providers: { p: { api: openai, key: \"a\\nb\" } }\n" MODELS,
		    "agent.yaml:3:32: providers.p.key: holds a character that no key has (the end "
		    "of "
		    "a line?)\n" },
		{ "providers: { p: { api: openai, key: x, headers: { a: \"\\u00e9\" } } }\n" MODELS,
		    "agent.yaml:3:51: providers.p.headers.a: holds a character that no header may "
		    "have\n" },
		{ "providers: { p: { api: openai, key: x, timeouts: { connect: soon, silence: 0 } "
		  "} }\n" MODELS,
		    "agent.yaml:3:52: providers.p.timeouts.connect: expected a time such as 30s, "
		    "at most "
		    "600 s\n"
		    "agent.yaml:3:67: providers.p.timeouts.silence: expected a time such as 30s, "
		    "at most "
		    "600 s\n" },
		{ "providers: { p: { api: openai, key: x, models: { m: { thinking: adaptive } } } "
		  "}\n" MODELS,
		    "agent.yaml:3:55: providers.p.models.m.thinking: means something with api: "
		    "anthropic "
		    "only\n" },
		{ "providers: { p: { api: anthropic, key: x, models: { m: { call_ids: short } } } "
		  "}\n" MODELS,
		    "agent.yaml:3:58: providers.p.models.m.call_ids: means something with api: "
		    "openai "
		    "only\n" },
		{ "providers: { p: { api: anthropic, key: x, models: { m: { sampling: { "
		  "temperature: 1 } "
		  "} } } }\n" MODELS,
		    "agent.yaml:3:58: providers.p.models.m.sampling: is refused by version "
		    "2026-10-21: "
		    "leave it out, or say version: 2023-06-01\n" },
		{ "providers: { p: { api: openai, key: x, models: { m: { efort: low } } } "
		  "}\n" MODELS,
		    "agent.yaml:3:55: providers.p.models.m.efort: unknown key \"efort\"; did you "
		    "mean "
		    "\"effort\"?\n" },
		{ "providers: { claude: { api: anthropic, key: x } }\nmodels: { main: [cluade/m, "
		  "claude/] "
		  "}\n",
		    "agent.yaml:4:18: models.main[0]: there is no provider \"cluade\"; did you "
		    "mean "
		    "\"claude\"?\n"
		    "agent.yaml:4:28: models.main[1]: expected claude/MODEL\n" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		said(rows[i].text, rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_provider_is_made_of_what_is_written),
		cmocka_unit_test(an_older_version_has_its_own_way_to_sign),
		cmocka_unit_test(without_its_key_a_provider_is_passed_over_with_a_note),
		cmocka_unit_test(what_is_said_of_a_model_that_nobody_asks_is_noted),
		cmocka_unit_test(wrong_providers_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

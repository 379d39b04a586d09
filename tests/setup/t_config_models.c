/* models, prices and limits of an agent folder: what becomes of them, and every line that is said
 * about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/setup/folder.h"

#include "base/text.h"

#include <cmocka.h>

#define MAIN "main: scripted:talk.yaml"
#define LAST "demo: [demo-1, demo-2]\n"

static void said(const char *find, const char *put, const char *want)
{
	struct folder f = folder_good();
	struct arena *mem = arena_new();

	folder_replace(&f, "agent.yaml", find, put);
	assert_string_equal(folder_mistakes(&f, mem), want);
	arena_free(mem);
	folder_remove(&f);
}

/* A folder whose models are these. */
struct opened {
	struct folder folder;
	struct arena *mem;
	struct world *world;
	struct agent_setup *setup;
};

static struct opened open_with(const char *find, const char *put)
{
	struct opened o = { .folder = folder_good(), .mem = arena_new(), .world = world_sim(1) };
	struct mistakes *m = arena_new_of(o.mem, struct mistakes);

	*m = mistakes_none(o.mem);
	folder_replace(&o.folder, "agent.yaml", find, put);
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

static void a_model_is_one_whatever_chains_name_it(void **state)
{
	struct opened o = open_with(MAIN, "main: [scripted:talk.yaml, builtin]\n  router: builtin\n"
					  "  strong: [builtin, scripted:talk.yaml]\n"
					  "  strong_when: { failures: 3 }");
	const struct agent_config *a = &o.setup->agent;

	(void)state;
	assert_int_equal(a->nchain, 2);
	assert_int_equal(a->nrouter, 1);
	assert_int_equal(a->nstrong, 2);
	assert_int_equal(o.setup->config->nmodels, 2);
	assert_string_equal(a->chain[0]->name, "scripted");
	assert_ptr_equal(a->router[0], a->chain[1]);
	assert_ptr_equal(a->strong[0], a->chain[1]);
	assert_ptr_equal(a->strong[1], a->chain[0]);
	assert_int_equal(a->strong_when.failures, 3);
	assert_int_equal(a->strong_when.tool_calls, 10);
	close_it(&o);
}

static void without_models_there_is_builtin(void **state)
{
	struct opened o = open_with("models:\n  " MAIN "\n", "");
	const struct agent_config *a = &o.setup->agent;

	(void)state;
	assert_int_equal(a->nchain, 1);
	assert_string_equal(a->chain[0]->name, "builtin");
	assert_int_equal(a->nrouter + a->nstrong, 0);
	assert_int_equal(a->strong_when.failures, 2);
	close_it(&o);
}

static void wrong_chains_are_named(void **state)
{
	(void)state;
	said(MAIN, MAIN "\n  router: bultin",
	    "agent.yaml:5:3: models.router: expected PROVIDER/MODEL, builtin or scripted:FILE; did "
	    "you mean "
	    "\"builtin\"?\n");
	said(MAIN, MAIN "\n  strong: [nobody, nobody2]\n  router: nobody",
	    "agent.yaml:5:12: models.strong[0]: expected PROVIDER/MODEL, builtin or scripted:FILE\n"
	    "agent.yaml:5:20: models.strong[1]: expected PROVIDER/MODEL, builtin or scripted:FILE\n"
	    "agent.yaml:6:3: models.router: expected PROVIDER/MODEL, builtin or scripted:FILE\n");
	said(MAIN, MAIN "\n  strong_when: { failures: 3 }",
	    "agent.yaml:5:3: models.strong_when: says when models.strong is asked, and there is no "
	    "models.strong\n");
	said(MAIN, MAIN "\n  strong: builtin\n  strong_when: { failures: 0 }",
	    "agent.yaml:6:18: models.strong_when.failures: expected at least 1\n");
}

static void limits_have_their_defaults(void **state)
{
	struct opened o = open_with("name: Shop", "name: Other");
	const struct limits *l = &o.setup->agent.limits;

	(void)state;
	assert_int_equal(l->identical_calls, 3);
	assert_int_equal(l->turn_tokens, 200000);
	assert_int_equal(l->turn_cost + l->conversation_cost + l->day_cost, 0);
	close_it(&o);
}

static void dollars_become_millionths(void **state)
{
	struct opened o = open_with("limits: { steps: 5 }",
	    "limits: { turn_cost: 0.25, conversation_cost: 1, day_cost: 50.000001, turn_tokens: "
	    "5000, identical_calls: 2 }");
	const struct limits *l = &o.setup->agent.limits;

	(void)state;
	assert_int_equal(l->turn_cost, 250000);
	assert_int_equal(l->conversation_cost, 1000000);
	assert_int_equal(l->day_cost, 50000001);
	assert_int_equal(l->turn_tokens, 5000);
	assert_int_equal(l->identical_calls, 2);
	close_it(&o);
}

static void ours_are_free(void **state)
{
	struct opened o = open_with(MAIN, "main: [scripted:talk.yaml, builtin]");
	const struct agent_config *a = &o.setup->agent;
	struct model_usage u = { .input_tokens = 1000000, .output_tokens = 1000000 };

	(void)state;
	assert_int_equal(a->nprices, 2);
	assert_int_equal(price_cost(price_list_of(a->prices, a->nprices, "scripted"), 0, &u), 0);
	assert_int_equal(price_cost(price_list_of(a->prices, a->nprices, "builtin"), 0, &u), 0);
	close_it(&o);
}

static void a_price_has_dates_and_sizes(void **state)
{
	struct opened o = open_with(LAST, "prices:\n"
					  "  scripted:\n"
					  "    - { from: 2026-01-01, input: 3, output: 15 }\n"
					  "    - { from: 2026-10-07, input: 2, output: 10, "
					  "cache_read: 0.10, cache_write: 2.50 }\n"
					  "    - { from: 2026-10-07, above: 100000, input: 0.125, "
					  "output: 0 }\n"
					  "  somebody/else: [{ from: 2026-01-01, input: 1, output: "
					  "1 }]\n");
	const struct agent_config *a = &o.setup->agent;
	const struct price_list *list = price_list_of(a->prices, a->nprices, "scripted");
	const int64_t day = 86400000, change = 20733 * day; /* 2026-10-07 */

	(void)state;
	assert_non_null(list);
	assert_int_equal(price_at(list, change - 1, 1)->input, 3000000);
	assert_int_equal(price_at(list, change - 1, 1)->cache_read, 3000000); /* as the input */
	assert_int_equal(price_at(list, change, 1)->input, 2000000);
	assert_int_equal(price_at(list, change, 1)->cache_read, 100000);
	assert_int_equal(price_at(list, change, 1)->cache_write, 2500000);
	assert_int_equal(price_at(list, change, 100001)->input, 125000);
	close_it(&o);
}

static void wrong_prices_are_named(void **state)
{
	(void)state;
	said(LAST, "prices: { scripted: [] }\n",
	    "agent.yaml:33:11: prices.scripted: expected at least 1 item, got 0\n");
	said(LAST, "prices: { scripted: [{ from: 2026-02-30, input: 1, output: 1 }] }\n",
	    "agent.yaml:33:24: prices.scripted[0].from: expected a day such as 2026-10-07\n");
	said(LAST, "prices: { a: [{ from: 7.10.2026, input: 1, output: 1 }] }\n",
	    "agent.yaml:33:17: prices.a[0].from: expected a day such as 2026-10-07\n");
	said(LAST, "prices: { a: [{ from: 2026-01-01, input: -1 }] }\n",
	    "agent.yaml:33:15: prices.a[0]: missing \"output\"\n"
	    "agent.yaml:33:35: prices.a[0].input: expected at least 0\n");
	said(LAST,
	    "prices:\n  a:\n"
	    "    - { from: 2026-01-01, input: 1, output: 1 }\n"
	    "    - { from: 2026-01-01, input: 2, output: 1 }\n"
	    "    - { from: 2026-02-01, above: 7, input: 2, output: 1 }\n",
	    "agent.yaml:36:7: prices.a[1]: row 1 has the same from and above\n"
	    "agent.yaml:37:7: prices.a[2]: this date needs a row without above too, for shorter "
	    "prompts\n");
	said("limits: { steps: 5 }", "limits: { day_cost: 0, turn_cost: free }",
	    "agent.yaml:31:11: limits.day_cost: expected at least 0.0001\n"
	    "agent.yaml:31:24: limits.turn_cost: expected number, got string\n");
}

static void a_limit_of_money_needs_every_price(void **state)
{
	const char *limits = "limits: { steps: 5, day_cost: 10 }";
	struct folder f = folder_good();
	struct arena *mem = arena_new();

	(void)state;
	folder_replace(&f, "agent.yaml", "limits: { steps: 5 }", limits);
	folder_replace(&f, "agent.yaml", "models:\n  main: scripted:talk.yaml\n",
	    "providers: { claude: { api: anthropic, key: secret } }\n"
	    "models:\n  main: [claude/a, builtin]\n  strong: claude/b\n");
	assert_string_equal(folder_mistakes(&f, mem),
	    "agent.yaml:5:10: models.main[0]: claude/a has no price under prices, so "
	    "limits.day_cost cannot hold for it\n"
	    "agent.yaml:6:3: models.strong: claude/b has no price under prices, so "
	    "limits.day_cost cannot hold for it\n");
	/* By its name with the provider, and without. */
	folder_replace(&f, "agent.yaml", LAST,
	    "prices:\n"
	    "  claude/a: [{ from: 2026-01-01, input: 1, output: 2 }]\n"
	    "  a: [{ from: 2026-01-01, input: 7, output: 7 }]\n"
	    "  b: [{ from: 2026-01-01, input: 3, output: 4 }]\n");
	assert_string_equal(folder_mistakes(&f, mem), "");
	arena_free(mem);
	folder_remove(&f);
}

static void a_model_of_a_provider_takes_the_price_of_its_name(void **state)
{
	struct opened o = open_with("models:\n  " MAIN "\n",
	    "providers: { claude: { api: anthropic, key: secret } }\n"
	    "models: { main: [claude/a, claude/b, claude/c] }\n"
	    "prices:\n"
	    "  claude/a: [{ from: 2026-01-01, input: 1, output: 2 }]\n"
	    "  a: [{ from: 2026-01-01, input: 7, output: 7 }]\n"
	    "  b: [{ from: 2026-01-01, input: 3, output: 4 }]\n");
	const struct agent_config *a = &o.setup->agent;

	(void)state;
	assert_int_equal(price_list_of(a->prices, a->nprices, "claude/a")->rows[0].input, 1000000);
	assert_int_equal(price_list_of(a->prices, a->nprices, "claude/b")->rows[0].input, 3000000);
	assert_null(price_list_of(a->prices, a->nprices, "claude/c"));
	assert_int_equal(o.setup->config->notes.n, 1);
	assert_non_null(strstr(o.setup->config->notes.list[0].message,
	    "claude/c has no price under prices: what it costs is not known"));
	close_it(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_is_one_whatever_chains_name_it),
		cmocka_unit_test(without_models_there_is_builtin),
		cmocka_unit_test(wrong_chains_are_named),
		cmocka_unit_test(limits_have_their_defaults),
		cmocka_unit_test(dollars_become_millionths),
		cmocka_unit_test(ours_are_free),
		cmocka_unit_test(a_price_has_dates_and_sizes),
		cmocka_unit_test(wrong_prices_are_named),
		cmocka_unit_test(a_limit_of_money_needs_every_price),
		cmocka_unit_test(a_model_of_a_provider_takes_the_price_of_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

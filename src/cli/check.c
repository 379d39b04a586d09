#include "cli/verb.h"

#include "base/text.h"
#include "setup/agent_setup.h"
#include "setup/files.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* frontdesk check: everything that is wrong with an agent folder, or what it says. */

static const char *identity_name(enum identity identity)
{
	static const char *const names[] = { "anybody", "customers with an address",
		"verified customers" };

	return names[identity];
}

static void show_tools(const struct toolbox *box, struct arena *mem)
{
	printf("%d tools:\n", box->n);
	for (int i = 0; i < box->n; i++) {
		const struct tool *t = &box->tools[i];
		const char *where = t->kind && t->kind->where ? t->kind->where(t, mem) : "";

		printf("  %-28s %-6s %-26s %g s%s%s\n", t->name,
		    t->effect == EFFECT_WRITE ? "writes" : "reads", identity_name(t->identity),
		    (double)t->timeout_ms / 1000, *where ? "  " : "", where);
	}
}

static void show_intents(const struct config *c)
{
	int n = 0;

	while (c->intent_names[n])
		n++;
	if (!n)
		return;
	printf("%d intents from %zu examples", n, c->nexamples);
	for (int i = 0; i < c->nintent_rules; i++)
		printf("%s%s (%s)", i ? ", " : "; a person for: ", c->intent_rules[i].intent,
		    c->intent_rules[i].kind);
	putchar('\n');
}

static void show_chain(const struct config *c, const char *label, const struct chain_entry *chain)
{
	if (!chain->n)
		return;
	printf("%s:", label);
	for (int i = 0; i < chain->n; i++)
		printf(" %s", c->models[chain->at[i]].name);
	putchar('\n');
}

static void show_models(const struct config *c)
{
	show_chain(c, "models", &c->main);
	show_chain(c, "models.router", &c->router);
	show_chain(c, "models.strong", &c->strong);
}

static void show(const struct agent_setup *s)
{
	const struct config *c = s->config;

	printf("%s: no mistakes\n", c->name);
	show_models(c);
	for (int i = 0; i < c->notes.n; i++)
		printf("note: %s\n", mistake_line(s->mem, &c->notes.list[i]));
	for (int i = 0; i < c->ndatabases; i++)
		printf("database %s: %s%s\n", c->databases[i].name, c->databases[i].path,
		    c->databases[i].init ? ", made from its init script when absent" : "");
	show_tools(&s->agent.tools, s->mem);
	show_intents(c);
}

static int check(const char *folder, const char *data)
{
	struct arena *mem = arena_new();
	struct mistakes m = mistakes_none(mem);
	struct world *w = world_sim(1); /* nothing waits, and nothing runs */
	struct agent_setup *s;
	int status = EXIT_OK;

	s = agent_setup_try(&m, w, folder, data ? data : file_path(mem, folder, "data"));
	if (s)
		show(s);
	agent_setup_close(s);
	for (int i = 0; i < m.n; i++)
		fprintf(stderr, "%s\n", mistake_line(mem, &m.list[i]));
	if (m.n) {
		fprintf(stderr, "%d mistake%s\n", m.n, m.n == 1 ? "" : "s");
		status = EXIT_FAILED;
	}
	world_free(w);
	arena_free(mem);
	return status;
}

static int run(const struct verb *v, int argc, char **argv)
{
	static const struct option options[] = { { "data", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	const char *data = NULL;
	int option;

	opterr = 0; /* we say it ourselves */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		switch (option) {
		case 'd': data = optarg; break;
		case 'h': return verb_help(v);
		case ':': return verb_usage(v, "%s needs a value", argv[optind - 1]);
		default: return verb_usage(v, "bad option %s", argv[optind - 1]);
		}
	if (argc - optind > 1)
		return verb_usage(v, "one agent folder at a time");
	return check(optind < argc ? argv[optind] : ".", data);
}

const struct verb verb_check = {
	.name = "check",
	.arguments = "[--data DIR] [AGENT]",
	.summary = "Finds every mistake in an agent folder (default: the current one)",
	.help = "  --data DIR    where its databases are (default: data in the agent's folder);\n"
		"                what is not there is made from its init script, elsewhere\n"
		"\n"
		"Each mistake is a line on stderr, file:line:column: what is wrong, and the exit\n"
		"status is 1.  Without mistakes it says what the agent can do.\n",
	.run = run,
};

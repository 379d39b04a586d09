#include "cli/doctor.h"

#include "base/log.h"
#include "cli/harmless.h"
#include "cli/verb.h"
#include "setup/files.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define LINE(name, word, count)                                                                    \
	void name(struct doctor *d, const char *what, const char *fmt, ...)                        \
	{                                                                                          \
		va_list ap;                                                                        \
                                                                                                   \
		count;                                                                             \
		va_start(ap, fmt);                                                                 \
		print(d, word, what, fmt, ap);                                                     \
		va_end(ap);                                                                        \
	}

/* What providers and databases say is theirs: the terminal gets it harmless, and in one line. */
static __attribute__((format(printf, 4, 0))) void print(
    struct doctor *d, const char *word, const char *what, const char *fmt, va_list ap)
{
	char *text = arena_strdup(d->mem, harmless(d->mem, arena_vprintf(d->mem, fmt, ap)));

	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	printf("%-4s  %-13s  %s\n", word, what, text);
	fflush(stdout); /* the next may take a while */
}

LINE(doctor_ok, "ok", (void)0)
LINE(doctor_skip, "skip", (void)0)
LINE(doctor_warn, "warn", d->warned++)
LINE(doctor_fail, "FAIL", d->failed++)

static void on_fiber(void *arg)
{
	doctor_reach(arg);
}

static int examine(struct doctor *d)
{
	doctor_agent(d);
	doctor_machine(d);
	world_run(d->world, on_fiber, d);
	agent_setup_close(d->setup);
	if (d->failed)
		fprintf(stderr, "frontdesk doctor: %d thing%s to be seen to\n", d->failed,
		    d->failed == 1 ? " has" : "s have");
	else
		printf("%s\n",
		    d->warned ? "It works, with the reservations above." : "Everything is there.");
	return d->failed ? EXIT_FAILED : EXIT_OK;
}

static int doctor(struct doctor *d, const char *data)
{
	int status = EXIT_FAILED;
	struct err e;

	d->mem = arena_new();
	d->data = data ? data : file_path(d->mem, d->folder, "data");
	d->world = world_real(&e);
	if (d->world)
		status = examine(d);
	else
		fprintf(stderr, "frontdesk doctor: %s\n", e.msg);
	if (d->world)
		world_free(d->world);
	arena_free(d->mem);
	return status;
}

static int run(const struct verb *v, int argc, char **argv)
{
	static const struct option options[] = { { "data", required_argument, NULL, 'd' },
		{ "offline", no_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	struct doctor d = { .folder = "." };
	const char *data = NULL;
	int option;

	opterr = 0; /* we say it ourselves */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		switch (option) {
		case 'd': data = optarg; break;
		case 'o': d.offline = true; break;
		case 'h': return verb_help(v);
		case ':': return verb_usage(v, "%s needs a value", argv[optind - 1]);
		default: return verb_usage(v, "bad option %s", argv[optind - 1]);
		}
	if (argc - optind > 1)
		return verb_usage(v, "one agent folder at a time");
	if (optind < argc)
		d.folder = argv[optind];
	log_level(LOG_WARN);
	return doctor(&d, data);
}

const struct verb verb_doctor = {
	.name = "doctor",
	.arguments = "[OPTIONS] [AGENT]",
	.summary = "Looks whether all is there that an agent needs (default: the current folder)",
	.help = "  --data DIR   where the log and the databases are (default: data in the agent's\n"
		"               folder)\n"
		"  --offline    ask no provider and reach no host\n"
		"\n"
		"A line for each thing: ok, warn, FAIL or skip.  Each model is asked for a word (a "
		"few\n"
		"tokens), hosts of http tools are connected to, and nothing is changed.  The exit\n"
		"status is 1 when something fails.\n",
	.run = run,
};

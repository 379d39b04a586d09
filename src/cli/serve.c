#include "cli/verb.h"

#include "base/log.h"
#include "setup/service.h"

#include <getopt.h>
#include <stddef.h>

/* frontdesk serve: the server on an agent folder, until it is told to stop. */

static int run(const struct verb *v, int argc, char **argv)
{
	static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
		{ "data", required_argument, NULL, 'd' }, { "demo", no_argument, NULL, 'D' },
		{ "insecure", no_argument, NULL, 'i' }, { "log", required_argument, NULL, 'L' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	struct service_options o = { .folder = ".", .listen = "127.0.0.1:8080" };
	int option;

	opterr = 0; /* we say it ourselves */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		switch (option) {
		case 'l': o.listen = optarg; break;
		case 'd': o.data = optarg; break;
		case 'D': o.demo = true; break;
		case 'i': o.insecure = true; break;
		case 'L':
			if (!log_level_named(optarg))
				return verb_usage(
				    v, "--log %s: expected error, warn, info or debug", optarg);
			break;
		case 'h': return verb_help(v);
		case ':': return verb_usage(v, "%s needs a value", argv[optind - 1]);
		default: return verb_usage(v, "bad option %s", argv[optind - 1]);
		}
	if (argc - optind > 1)
		return verb_usage(v, "one agent folder at a time");
	if (optind < argc)
		o.folder = argv[optind];
	return service_run(&o);
}

const struct verb verb_serve = {
	.name = "serve",
	.arguments = "[OPTIONS] [AGENT]",
	.summary = "Answers customers, as an agent folder says (default: the current one)",
	.help = "  --listen HOST:PORT   the address (default: 127.0.0.1:8080)\n"
		"  --data DIR           where the log and the databases are (default: data in the\n"
		"                       agent's folder); one process at a time\n"
		"  --demo               visitors on this machine may be any customer listed under "
		"demo:\n"
		"  --insecure           listen on a public address although anybody could have "
		"things done\n"
		"  --log LEVEL          error, warn, info (default) or debug, on stderr\n"
		"\n"
		"FRONTDESK_API_KEY in the environment is accepted as the admin API key; without it "
		"the\n"
		"first start makes one and prints it, once.  SIGTERM stops gracefully.\n",
	.run = run,
};

#include "cli/chat.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/verb.h"
#include "setup/files.h"
#include "setup/service.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* frontdesk chat: with the server of a data folder.  One that runs is used; else one is started in
 * this process, on a port of this machine, and ends with the chat. */

struct elsewhere {
	struct chat_options *o;
	struct world *world;
	const char *address;
};

static void talk_elsewhere(void *arg)
{
	struct elsewhere *x = arg;

	chat_talk(x->o, x->world, x->address, false);
}

static int chat_at(struct chat_options *o, const char *url)
{
	struct arena *mem = arena_new();
	struct elsewhere x = { .o = o };
	size_t n = strlen(url);
	struct err e;

	/* The server says its address with /v1 behind it, too. */
	while (n && url[n - 1] == '/')
		n--;
	if (n > 3 && !strncmp(url + n - 3, "/v1", 3))
		n -= 3;
	x.address = arena_strndup(mem, url, n);
	x.world = world_real(&e);
	if (x.world) {
		world_run(x.world, talk_elsewhere, &x);
		world_free(x.world);
	} else {
		fprintf(stderr, "frontdesk chat: %s\n", e.msg);
		o->status = EXIT_FAILED;
	}
	arena_free(mem);
	return o->status;
}

static int chat_with(struct chat_options *o, const char *folder, const char *data)
{
	struct arena *mem = arena_new();
	struct service_options s = { .folder = folder,
		.data = data,
		.listen = "127.0.0.1:0",
		.demo = true,
		.ready = chat_talk,
		.ready_self = o };
	int status;

	o->log = file_path(mem, data ? data : file_path(mem, folder, "data"), "chat.log");
	status = service_run(&s);
	arena_free(mem);
	return status ? status : o->status;
}

/* What each by itself is right and together is not.  EXIT_OK, or what was said. */
static int check(const struct verb *v, const struct chat_options *o, const char *url, bool local)
{
	if (o->as && (!*o->as || !text_is_utf8(o->as, strlen(o->as))))
		return verb_usage(v, "--as needs the id of a customer");
	if (url && local)
		return verb_usage(
		    v, "--url is a server that runs: no folder and no --data with it");
	if (url && !text_starts(url, "http://") && !text_starts(url, "https://"))
		return verb_usage(v, "--url %s: expected http://HOST:PORT", url);
	return EXIT_OK;
}

static int run(const struct verb *v, int argc, char **argv)
{
	static const struct option options[] = { { "data", required_argument, NULL, 'd' },
		{ "as", required_argument, NULL, 'a' }, { "url", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	struct chat_options o = { 0 };
	const char *data = NULL, *url = NULL;
	int option, wrong;

	opterr = 0; /* we say it ourselves */
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		switch (option) {
		case 'd': data = optarg; break;
		case 'a': o.as = optarg; break;
		case 'u': url = optarg; break;
		case 'h': return verb_help(v);
		case ':': return verb_usage(v, "%s needs a value", argv[optind - 1]);
		default: return verb_usage(v, "bad option %s", argv[optind - 1]);
		}
	if (argc - optind > 1)
		return verb_usage(v, "one agent folder at a time");
	wrong = check(v, &o, url, data || optind < argc);
	if (wrong)
		return wrong;
	log_level(LOG_WARN);
	return url ? chat_at(&o, url) : chat_with(&o, optind < argc ? argv[optind] : ".", data);
}

const struct verb verb_chat = {
	.name = "chat",
	.arguments = "[OPTIONS] [AGENT]",
	.summary = "Talks to an agent in the terminal (default: the one in the current folder)",
	.help =
	    "  --as CUSTOMER   be this customer: one listed under demo: in agent.yaml, or anybody\n"
	    "                  when FRONTDESK_API_KEY holds the server's API key\n"
	    "  --data DIR      where the log and the databases are (default: data in the agent's\n"
	    "                  folder)\n"
	    "  --url URL       talk to this server: http://127.0.0.1:8080\n"
	    "\n"
	    "A server that runs on the data folder is used; without one it is started in this\n"
	    "process and ends with the chat.  Lines are read from stdin when that is no terminal.\n"
	    "The exit status is 1 when a message could not be sent.\n",
	.run = run,
};

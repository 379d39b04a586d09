#include "shop.h"

/* The real playbook of examples/shop against what the shop's tools would say. */

#define ORDER(id, item, delivered, cents)                                                          \
	"{\"order_id\":\"" id "\",\"item\":\"" item "\",\"ordered_on\":\"2026-11-02\",\"delivered_on\":" delivered  \
	",\"status\":\"delivered\",\"total_cents\":" cents ",\"refunded_cents\":0,\"paid_with\":\"Visa ending in 4242\"," \
	"\"carrier\":null,\"tracking\":null}"
#define MAY(id, item, cents, person)                                                               \
	"{\"order_id\":\"" id "\",\"item\":\"" item "\",\"amount_cents\":" cents ",\"refundable\":1,\"needs_person\":" person \
	",\"reason\":null,\"window_days\":30,\"days_since_delivery\":12,\"refund_until\":\"2026-12-12\"}"
#define MAY_NOT(id, item, why)                                                                     \
	"{\"order_id\":\"" id "\",\"item\":\"" item "\",\"amount_cents\":0,\"refundable\":0,\"needs_person\":0,\"reason\":\"" why \
	"\",\"window_days\":14,\"days_since_delivery\":40,\"refund_until\":\"2026-10-30\"}"
#define ROWS(rows) "{\"rows\":[" rows "],\"truncated\":false}"

static const char subscription[] =
    "{\"plan\":\"Fernweh Plus\",\"status\":\"active\",\"price_cents\":900,\"period_ends_on\":\"2026-12-15\","
    "\"cancellable\":1,\"what_it_means\":\"You keep the benefits until then.\"}";
static const char account[] =
    "{\"customer_id\":\"demo-1\",\"name\":\"Anna Berg\",\"email\":\"anna@example.com\",\"tier\":\"premium\","
    "\"customer_since\":\"2023-05-04\",\"subscription_plan\":\"Fernweh Plus\",\"subscription_status\":\"active\","
    "\"open_tickets\":1,\"last_payment_cents\":900,\"last_payment_on\":\"2026-11-15\"}";

static int open_shop(void **state)
{
	struct shop *s = shop_open();

	s->model = shop_model(s, shop_yaml(s->mem, "examples/shop/playbook.yaml"));
	if (!s->model)
		fail_msg("the playbook has mistakes:\n%s", s->mistakes);
	shop_answer(s, "lookup_order", ROWS(ORDER("FW-1001", "Alpine tent", "\"2026-11-12\"", "8900")));
	shop_answer(s, "check_refund_policy", ROWS(MAY("FW-1001", "Alpine tent", "8900", "0")));
	shop_answer(s, "check_cancellation_policy", subscription);
	shop_answer(s, "lookup_account", account);
	shop_answer(s, "cancel_subscription",
	    "{\"plan\":\"Fernweh Plus\",\"status\":\"cancelled\",\"ends_on\":\"2026-12-15\"}");
	*state = s;
	return 0;
}

static int close_shop(void **state)
{
	shop_close(*state);
	return 0;
}

static void two_orders(struct shop *s)
{
	shop_answer(s, "lookup_order", ROWS(ORDER("FW-1001", "Alpine tent", "\"2026-11-12\"", "8900") "," ORDER(
	    "FW-1002", "Gas stove", "\"2026-11-13\"", "4500")));
	shop_answer(s, "check_refund_policy", ROWS(MAY("FW-1001", "Alpine tent", "8900", "0") "," MAY("FW-1002", "Gas stove", "4500", "0")));
}

#define HEADLINE "Can you refund my purchase and cancel my account?"

static void prints(void **state){ struct shop *s=*state; printf("%s\n--\n%s\n", shop_say(s,HEADLINE,"refund_request cancellation"), s->trail);
 printf("%s\n--\n%s\n", shop_say(s,"yes","yes"), s->trail); 
 two_orders(s);
 printf("%s\n--\n%s\n", shop_say(s,HEADLINE,"refund_request cancellation"), s->trail);
 printf("%s\n--\n%s\n", shop_say(s,"the second one please, and yes","yes"), s->trail); 
 static const char*all[]={"greeting","order_status","return_exchange","billing_problem","payment_question","account_question","shipping_question","product_question","complaint","security_report","talk_to_person","thanks","yes","no",""};
 for(int i=0;i<15;i++) { s->opaque=0; printf("[%s] %s\n--\n%s\n", all[i],shop_say(s,"hello there",all[i]), s->trail);}
 }

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_shop, close_shop)
	const struct CMUnitTest tests[] = {
		TEST(prints),
	};

	(void)two_orders;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

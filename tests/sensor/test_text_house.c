/* The report's section about the house policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report.h"

static void test_text_house_without_policy_says_nothing(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    add(&r);
    end(&r);
    assert_null(strstr(report, "House policy"));
    free(report);
}

static void test_text_house_tells_own_rules_exceptions_and_their_end(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    struct config_policy *policy = &config.policy;
    policy->rule_count = 2;
    policy->rules[0] = (struct house_rule){.id = "mild", .severity = SEVERITY_LOW};
    policy->rules[1] = (struct house_rule){.id = "grave", .severity = SEVERITY_HIGH};
    policy->exception_count = 2;
    policy->exceptions[0] = (struct house_exception){
        .ends_s = 1700000000, .owner = "ops\033[2J", .reason = "scanner"};
    policy->exceptions[1] = (struct house_exception){
        .ends_s = 1900000000, .owner = "ops", .reason = "scanner"};
    r.summary.last_ns = UINT64_C(1700000001000000000);
    for (int i = 0; i < 2; i++) {
        sample_fill(&r.x);
        r.x.judgement.own_rules = policy->rules;
        r.x.judgement.own = 3;
        r.x.judgement.excepted[RULE_tls10 / 64] |= UINT64_C(1) << RULE_tls10 % 64;
        r.sink.event(r.sink.state, &r.x.event);
    }
    end(&r);
    const char *section = strstr(report, "House policy");
    assert_non_null(section);
    const char *grave = strstr(section, "  high     grave: 2 sessions\n");
    const char *mild = strstr(section, "  low      mild: 2 sessions\n");
    assert_true(grave != NULL && mild != NULL && grave < mild);
    assert_non_null(strstr(section, "  excepted tls10: 2 sessions\n"));
    assert_non_null(strstr(section, "policy.exceptions[1] (all rules) ended on 2023-11-14"));
    assert_non_null(strstr(section, "ops\\x1b[2J"));
    assert_null(strstr(section, "policy.exceptions[2]"));
    free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_house_without_policy_says_nothing),
        cmocka_unit_test(test_text_house_tells_own_rules_exceptions_and_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

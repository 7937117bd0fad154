"""Pages of docs/reference that are made from the list of what is not served and from the fixtures of mistakes.

`python tests/unit/model/reference_pages.py` writes them; test_reference_pages.py fails when they are stale.
"""

from pathlib import Path

from pbx.model import served

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "reference"
FIXTURES = ROOT / "tests" / "fixtures" / "wrong"
NOT_TEXT = ("not_utf8", "utf16", "zero_byte")
CHAPTERS = {
    "The text": """
        alias anchor tag merge_key duplicate_key second_document not_utf8 not_yaml too_deep
        list_at_the_top
        tab indentation colon_without_a_space list_never_closed quote_never_closed quote_in_a_text quote_open_to_the_end
        percent_first
        key_that_is_a_list zero_byte utf16
    """,
    "Files, kinds and ids": """
        unknown_kind kind_of_the_site roots/users_in_the_site kind_is_no_mapping no_version
        two_versions newer_version no_tenant tenant_twice object_twice same_id_as_the_site yaml_by_its_long_name
        roots/folder_without_yaml roots/no_tenants roots/yaml_beside_folders
    """,
    "Templates": """
        no_such_template templates_go_round template_with_a_mistake mistake_from_a_template key_that_no_template_gives
        template_of_a_flow
    """,
    "Keys and values": """
        unknown_key missing_key wrong_word unquoted_extension empty_value no_length_of_time
        id_with_capitals reject_too_small not_a_list not_a_key outside_without_number
        several_mistakes_in_one no_such_country no_such_day stretch_backwards
        day_that_says_two_things no_such_zone no_hours rule_of_no_rfc rule_within_a_day rule_of_no_day port_too_large
        norway quoted_truth octal unquoted_phone_number extension_with_letters time_with_a_space no_members
        empty_flow flow_is_no_list destination_of_two unknown_destination unknown_condition weekday_in_words
        date_by_dots hours_of_one_digit hours_past_midnight hours_in_words hours_unquoted rule_without_a_beginning
        mac_of_five
        mailto_for_email email_in_cyrillic country_in_words domain_with_a_scheme
    """,
    "Secrets": """
        secret_in_clear secret_in_the_place_of_its_name password_of_a_telephone_in_clear secret_of_a_telephone_in_clear
    """,
    "References": """
        no_such_object no_such_object_at_all wrong_kind no_such_kind member_that_is_no_user
        no_such_list no_such_class_of_service
        reference_without_a_kind
    """,
    "Numbers and trunks": """
        number_without_plus number_twice range_backwards range_of_two_lengths range_too_long
        caller_id_not_owned default_caller_id_of_somebody_else address_of_two_trunks register_without_login
        prefix_of_two_routes roots/prefix_of_the_site
        ranges_overlap prefix_without_plus pattern_in_a_list address_is_a_name proxy_without_sip
        route_without_trunks outside_number_of_the_country
    """,
    "People and emergency calls": """
        extension_twice extension_is_an_emergency_number same_sip_user desk_phone_with_a_number
        watched_by_nobody_there picked_up_by_nobody_there paged_by_nobody_there
        speed_dial_of_three_digits voicemail_without_address
        media_of_a_browser media_timeout_too_short
        no_emergency_numbers no_emergency_route nobody_to_help location_without_a_way_out
    """,
    "Tokens of the API": """
        api_token_for_nobody api_token_for_a_person api_token_of_no_scope
        api_token_that_hears_otherwise
    """,
    "Feature codes": """
        feature_code_of_an_override feature_code_is_an_emergency_number
    """,
    "Flows": """
        flow_without_an_end flows_go_round step_never_reached
    """,
    "Prompts": """
        prompt_language_unknown prompt_language_missing recording_missing recording_unreadable
        recording_silent recording_outside_the_folder no_such_system_prompt
        language_of_no_form language_of_nobody
        text_no_voice_can_say text_without_a_word slot_unknown slot_never_closed slot_without_a_date
        slot_of_another_prompt hours_of_no_schedule
    """,
    "Voicemail": """
        voicemail_without_address voicemail_without_extension message_of_a_day
    """,
    "Voices": """
        engine_unknown command_of_a_tenant command_of_another_engine
    """,
    "Tests": """
        test_names_nobody test_goes_nowhere test_dials_no_number test_without_offset
    """,
    "Two tenants": """
        roots/tenant_id_of_two roots/domain_of_two roots/number_of_another
        roots/emergency_number_of_another
        roots/ring_group_of_another
    """,
    "Not served yet": """
        not_served_key not_served_kind not_served_destination not_served_condition
    """,
}


def not_served() -> str:
    lines = [
        "# What is not served yet",
        "",
        "The grammar of the YAML is larger than what the servers do today. What stands in this list is refused by",
        "`pbx validate`, `plan` and `apply` with *not served yet (issue: …)*, so that nobody believes in a setting",
        "that does nothing. `*` is any key or item, `=word` one value. The list is `src/pbx/model/served.py`; this",
        "page is made from it by `python tests/unit/model/reference_pages.py`.",
        "",
        "| place | issue |",
        "|-|-|",
        *(f"| `{place}` | {issue} |" for place, issue in served.NOT_SERVED.items()),
        *(f"| `when: {{{key}: …}}` | {issue} |" for key, issue in served.CONDITIONS.items()),
        f"| `when: {{NAME.FACT: …}}`, the destination `{{from: NAME.FACT}}` | {served.FACTS} |",
        "",
        "Keys that only describe (`name`, `address`, `mac`, `model`) are kept and shown; that is all they do.",
    ]
    return "\n".join(lines) + "\n"


def errors() -> str:
    lines = [
        "# What `pbx validate` says",
        "",
        "Each message is `file:line:column: pointer: what is wrong; what would be right`, all of them in one run, and",
        "the exit code is 1. A `warning:` leaves it 0. Every case stands in `tests/fixtures/wrong/` in a folder of its",
        "name; this page is made from them by `python tests/unit/model/reference_pages.py`.",
    ]
    for chapter, names in CHAPTERS.items():
        lines += ["", f"## {chapter}"]
        for name in names.split():
            lines += ["", f"### {name.rpartition('/')[2].replace('_', ' ')}", *_case(name)]
    return "\n".join(lines) + "\n"


def _case(name: str) -> list[str]:
    folder = FIXTURES / name
    written = folder / "mistake.yml"
    shown = []
    if written.exists() and written.stat().st_size < 500 and name not in NOT_TEXT:
        shown = ["```yaml", written.read_text("utf-8").rstrip("\n"), "```"]
    said = [line for line in (folder / "expected.txt").read_text("utf-8").splitlines() if ": valid: " not in line]
    return [*shown, "```", *(line.removeprefix(f"{name}/").removeprefix("roots/") for line in said), "```"]


if __name__ == "__main__":
    (PAGES / "not-served.md").write_text(not_served(), "utf-8")
    (PAGES / "errors.md").write_text(errors(), "utf-8")

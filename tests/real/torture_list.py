"""What can go wrong when a key is pushed, and the tests that bring a real server into that state.

`file:test` without their `test_`. What needs root is skipped without it, by name, and runs in CI.
"""

TORTURES: dict[str, tuple[str, ...]] = {
    "1 read-only home": ("full_disks:a_read_only_home_is_named",),
    "2 full disk or quota": (
        "full_disks:a_full_disk_leaves_the_old_file_and_no_litter",
        "full_disks:a_full_disk_and_no_file_yet_makes_no_empty_file",
        "full_disks:a_quota_that_is_used_up_on_a_disk_with_room_leaves_the_old_file_and_no_litter",
    ),
    "3 no final newline": ("sshd:every_other_byte_stays_and_both_keys_log_in",),
    "4 CRLF": ("sshd:every_other_byte_stays_and_both_keys_log_in",),
    "5 byte order mark": ("torture_cases:a_byte_order_mark_kills_the_key_behind_it_and_is_reported_and_left",),
    "6 symlinks": (
        "sshd:a_link_inside_the_home_is_followed_and_stays_a_link",
        "sshd:a_link_out_of_the_home_is_refused_by_name",
        "sshd:a_link_that_leads_nowhere_is_refused",
    ),
    "7 immutable file": ("full_disks:an_immutable_file_is_named",),
    "8 missing home": ("sshd:a_missing_home_is_never_made_up",),
    "9 foreign owners": (
        "sshd:a_file_that_somebody_else_administers_is_not_taken_over",
        "sshd:a_place_that_belongs_to_another_user_is_named",
        "torture_cases:a_home_of_somebody_else_is_written_to_by_nobody_and_named",
    ),
    "10 writable by others": (
        "sshd:a_place_that_others_may_write_to_is_named_when_the_proof_fails",
        "sshd:the_users_own_private_group_may_write_on_debian",
        "modes:what_others_may_write_to_is_mended_as_the_account_and_the_key_logs_in",
        "modes:an_answer_that_never_came_back_is_looked_at_again_and_told_as_done",
        "modes:a_link_out_of_the_home_is_refused_and_what_it_leads_to_stays",
    ),
    "11 no shell": ("sshd:an_account_without_a_shell_is_told_apart_from_one_without_the_key",),
    "12 restricted accounts": (
        "sshd:any_login_shell_and_a_noisy_start_file_are_no_obstacle",
        "sshd:a_forced_command_is_no_proof",
        "torture_cases:a_command_that_the_server_forces_is_a_restricted_account_and_nothing_is_written",
        "torture_cases:a_shell_that_knows_a_few_words_only_is_a_restricted_account_and_written_to_over_sftp_or_not_at_all",
    ),
    "13 fish and tcsh": ("sshd:any_login_shell_and_a_noisy_start_file_are_no_obstacle",),
    "14 noise": (
        "sshd:any_login_shell_and_a_noisy_start_file_are_no_obstacle",
        "hostile_servers:nothing_that_a_server_says_reaches_the_terminal_as_it_is",
    ),
    "15 expired or locked account": (
        "torture_cases:an_expired_account_says_so_and_is_not_tried_again",
        "expired_passwords:a_push_says_that_the_password_has_expired_and_writes_nothing",
        "logins:a_locked_account_takes_a_key_under_pam_and_none_without",
    ),
    "16 too many keys in the agent": (
        "logins:an_agent_full_of_wrong_keys_does_not_use_up_the_tries",
        "logins:a_server_with_fewer_tries_is_told_apart_from_a_refusal",
    ),
    "17 MaxStartups and PerSourcePenalties": (
        "links:a_server_that_is_too_busy_is_tried_three_times_and_named",
        "links:a_place_that_becomes_free_in_between_is_taken",
        "links:thirty_nodes_that_are_one_server_are_read_without_a_drop",
        "refusals:a_server_that_bars_this_address_is_named_with_its_cure_and_left_in_peace",
        "refusals:readings_of_a_closed_account_and_the_push_that_opens_it_are_refused_once",
    ),
    "18 MaxSessions 1, no forwarding": (
        "links:one_session_at_a_time_is_enough",
        "host_keys:a_jump_host_that_forwards_nothing_is_named",
    ),
    "19 slow and frozen peers": (
        "links:a_peer_that_freezes_is_given_up_in_time_at_every_stage",
        "links:a_server_that_is_stopped_after_its_greeting_is_given_up_in_time",
        "torture_cases:a_login_that_takes_for_ever_is_given_up_at_its_own_stage",
    ),
    "20 link lost mid-write": (
        "links:a_link_that_is_cut_half_way_leaves_the_file_as_it_was",
        "links:a_link_that_is_cut_once_is_looked_at_again_and_the_key_is_there",
        "links:an_answer_that_never_came_back_is_no_second_line_and_no_lie",
        "killed_pushes:a_program_that_is_killed_leaves_the_old_file_or_the_new_one",
        "killed_pushes:a_node_whose_shell_is_killed_keeps_its_file_and_the_next_push_tidies_up",
    ),
    "21 others write too": (
        "sshd:eight_pushers_at_once_lose_nothing",
        "torture_cases:eight_commands_at_once_lose_nothing",
        "key_changes:eight_removers_and_pushers_at_once_lose_nothing",
    ),
    "22 there already": (
        "sshd:a_second_push_changes_nothing",
        "sshd:a_line_with_conditions_is_never_lifted_by_a_plain_one",
    ),
    "23 twice": (
        "sshd:the_matrix_cells_of_an_account",
        "key_changes:a_key_goes_from_both_files_and_no_other_byte_moves",
    ),
    "24 bytes that are no text": ("torture_cases:a_line_with_a_nul_and_a_very_long_file_keep_every_byte",),
    "25 dropbear": ("other_servers:a_key_is_pushed_to_dropbear_by_password_and_proven",),
    "26 AuthorizedKeysFile elsewhere": (
        "other_servers:a_key_goes_into_the_file_that_sshd_reads",
        "other_servers:where_sshd_may_not_be_asked_the_failed_proof_says_what_may_be_wrong",
        "other_servers:keys_that_live_outside_the_home_are_left_to_whoever_keeps_them",
        "torture_cases:a_server_that_reads_no_file_at_all_fails_the_proof_in_words",
    ),
    "27 host key": (
        "host_keys:nothing_is_sent_to_a_server_whose_key_is_unknown",
        "host_keys:a_changed_or_revoked_key_is_a_hard_stop_with_the_way_out",
    ),
    "28 wrong clock": ("torture_cases:a_node_whose_clock_is_wrong_judges_an_expiry_by_that_clock",),
    "29 the last key": (
        "key_changes:the_key_that_the_session_came_in_with_stays",
        "key_changes:the_last_usable_line_stays",
    ),
    # 30, root who writes into a user's home: there is no such way. An account's file is written by that account's own
    # login, and a link out of the home (6) is refused whoever logs in.
}

"""What the received bytes must show, and where each point is proven.

The lines and header fields
 1. CRLF alone, no NUL, an ASCII header unless the address needs SMTPUTF8
    tests/wire/test_structure.py::test_its_lines_end_in_crlf_and_its_header_is_ascii_unless_the_address_is_not
 2. no line over 998, headers folded at 78 where they may be
    tests/wire/test_structure.py::test_its_lines_are_short_and_its_header_is_folded_where_it_may_be
 3. exactly these header fields, each once
    tests/wire/test_structure.py::test_it_has_each_of_its_header_fields_once_and_no_other
 4. one From mailbox, ASCII domain, the operator's own name
    tests/wire/test_structure.py::test_it_comes_from_the_operators_one_mailbox_under_her_own_name
 5. To is the subscriber's address, no Cc, no Bcc
    tests/wire/test_structure.py::test_it_goes_to_the_subscribers_address_and_to_nobody_else
 6. Date within five minutes of the sending, with a zone
    tests/wire/test_structure.py::test_its_date_is_the_hour_of_its_sending
 7. a Message-ID of its own, kept when the same mail is sent again
    tests/wire/test_structure.py::test_no_two_mails_share_a_message_id_and_each_is_its_deliverys
    tests/wire/test_structure.py::test_a_mail_that_is_sent_again_as_its_answer_was_lost_keeps_its_message_id
 8. encoded-words in Subject and display name alone, short, without control characters
    tests/wire/test_structure.py::test_encoded_words_stand_in_subject_and_display_name_alone
    tests/wire/test_structure.py::test_a_name_that_looks_like_a_header_stays_a_name
 9. a Subject of 1 to 150 characters that pretends to be no answer
    tests/wire/test_structure.py::test_its_subject_has_a_length_and_pretends_to_be_no_answer
10. a header under 16 KB
    tests/wire/test_structure.py::test_its_header_is_small

The two parts
11. text first, then HTML, with the same links
    tests/wire/test_content.py::test_the_text_comes_first_then_the_page_with_the_same_links
12. UTF-8 in quoted-printable, the text wraps
    tests/wire/test_content.py::test_it_is_quoted_printable_utf8_and_its_text_wraps
13. HTML that parses, runs nothing, describes its pictures, stays under 100 KB
    tests/wire/test_content.py::test_its_html_parses_without_one_error
    tests/wire/test_content.py::test_its_page_runs_nothing_says_what_its_pictures_show_and_is_not_cut_off
14. nothing loaded from elsewhere, https links that say where they lead, no pixel
    tests/wire/test_content.py::test_it_loads_nothing_from_elsewhere_and_nothing_that_tells_who_reads_it
    tests/wire/test_content.py::test_its_links_are_https_and_say_no_other_address_than_they_lead_to
15. letters and guide: the way out, the postal address, who writes and why
    tests/wire/test_content.py::test_a_letter_shows_the_way_out_who_writes_and_why
16. confirmation and reminder: one link, no advert, nothing that the visitor typed
    tests/wire/test_content.py::test_a_request_to_confirm_has_one_link_no_advert_and_nothing_that_the_visitor_typed

List headers
17. List-Unsubscribe: a short https URL, never encoded
    tests/wire/test_list_headers.py::test_the_way_out_is_one_short_https_url_that_nothing_has_encoded
    tests/mail/test_compose.py::test_long_structured_headers_are_never_encoded_and_never_folded
18. List-Unsubscribe-Post
    tests/wire/test_list_headers.py::test_it_says_that_a_bare_post_is_enough
19. a POST to the received URL unsubscribes: 200, no redirect, no cookie, both encodings
    tests/wire/test_list_headers.py::test_a_post_to_the_url_of_the_received_mail_ends_all_letters
20. GET and HEAD change nothing
    tests/wire/test_list_headers.py::test_looking_at_that_url_changes_nothing
21. a stable List-Id in ASCII
    tests/wire/test_list_headers.py::test_letters_name_their_list_in_ascii_and_nothing_else_does
22. Auto-Submitted on what answers a request, no Precedence
    tests/wire/test_list_headers.py::test_what_answers_a_request_says_that_a_machine_wrote_it_and_nothing_is_called_bulk
23. Feedback-ID: four fields, a stable sender, nothing of the recipient
    tests/wire/test_list_headers.py::test_the_feedback_id_counts_by_letter_under_one_sender_and_knows_no_reader

The envelope
24. a return path that names the mail, aligned with the sender
    tests/wire/test_envelope.py::test_its_return_path_names_it_and_stands_under_the_senders_organisation
    tests/wire/test_envelope.py::test_no_two_mails_share_a_return_path_and_none_can_be_made_up
25. one recipient per transaction
    tests/wire/test_envelope.py::test_every_transaction_has_one_recipient
26. the EHLO name (that DNS knows it is for `doctor`)
    tests/wire/test_envelope.py::test_the_greeting_name_is_the_host_that_the_links_lead_to
27. TLS when offered, required by configuration
    tests/wire/test_envelope.py::test_encryption_is_used_where_it_is_offered
    tests/wire/test_envelope.py::test_encryption_that_is_required_and_not_offered_keeps_the_mail_here
    tests/mail/test_smtp_login.py::test_an_untrusted_certificate_gets_neither_password_nor_mail

Authentication
28. DKIM verifies with the published record, also after servers that touch white space
    tests/wire/test_authentication.py::test_the_world_verifies_it_with_the_record_that_the_operator_was_told
    tests/wire/test_authentication.py::test_its_signature_holds_after_servers_that_only_touch_white_space
29. twelve fields covered, and once more than they are there
    tests/wire/test_authentication.py::test_its_signature_covers_one_more_of_each_field_that_matters
30. no l=, relaxed/relaxed, RSA of 2048 bits, aligned with From
    tests/wire/test_authentication.py::test_its_signature_covers_the_whole_body_and_is_the_senders_own
    tests/wire/test_authentication.py::test_the_key_has_2048_bits
31. whatever is taken away, replaced or put on top breaks it
    tests/wire/test_authentication.py::test_nobodys_mail_stands_another_sender_on_top
    tests/wire/test_authentication.py::test_whatever_is_taken_away_replaced_or_put_on_top_breaks_it
    tests/wire/test_authentication.py::test_nothing_can_be_added_to_a_mail_that_never_had_it
32. what DNS says: `leadmagnet doctor`
    tests/mail/test_dns.py::test_a_healthy_domain_is_fine_and_says_what_it_found
    tests/mail/test_dns.py::test_an_empty_domain_is_told_every_record_to_publish
    tests/cli/test_doctor.py::test_a_key_is_made_once_and_every_mail_is_signed_with_it
33. what mailbox providers think of it: by hand, with a mail to a mailbox of one's own at each

Behaviour
34. a hard bounce blocks the address before the next letter
    tests/wire/test_behaviour.py::test_an_address_that_does_not_exist_is_never_written_to_again
    tests/delivery/test_feedback.py::test_a_hard_bounce_blocks_the_address_before_the_next_letter
35. soft bounces block it after three in seven days
    tests/delivery/test_soft_bounces.py::test_patience_ends_after_so_many_failures_over_so_long
    tests/delivery/test_feedback.py::test_soft_bounces_count_like_those_of_the_moment_of_sending
36. a complaint blocks it for ever
    tests/delivery/test_feedback.py::test_a_complaint_stops_everything_at_once_and_for_good
    tests/web/test_preferences.py::test_undo_brings_nobody_back_who_complained
37. leaving is honoured at once
    tests/wire/test_behaviour.py::test_who_leaves_by_the_received_header_gets_no_letter_more_not_even_a_claimed_one
    tests/delivery/test_gate.py::test_no_gate_opens_after_a_committed_leave
38. too many bounces or complaints stop the letters
    tests/delivery/test_tally.py::test_a_week_is_judged_by_the_limits_of_the_mailbox_providers
    tests/delivery/test_tally.py::test_far_too_many_bounces_stop_the_letters_once_a_day
39. no day above the warm-up curve
    tests/delivery/test_warm_up.py::test_letters_follow_the_curve_and_confirmations_are_never_held
40. no minute above twice the rate
    tests/delivery/test_rate.py::test_no_minute_exceeds_twice_the_rate_and_no_token_is_lost_for_good
41. a proof of consent, with the mail that was answered
    tests/wire/test_behaviour.py::test_both_proofs_name_address_and_browser_and_the_request_its_page
    tests/wire/test_behaviour.py::test_each_reader_has_a_proof_of_what_was_asked_and_which_mail_was_answered
    tests/store/test_constraints.py::test_a_proof_of_consent_can_never_be_edited
42. the way out works for ever
    tests/web/test_preferences.py::test_the_link_works_after_years_and_after_the_keys_were_changed
"""

//! The store's test suite, once per engine.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod suite;

/// Everything at random, against a model of it.
mod model {
    use super::suite::{Engine, model};

    #[test]
    fn sqlite() {
        model::holds(Engine::Sqlite);
    }

    #[test]
    fn postgres() {
        model::holds(Engine::Postgres);
    }
}

/// One test per name and engine.
macro_rules! on_both_engines {
    ($($module:ident :: $test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let database = super::suite::Database::sqlite().await;
                super::suite::$module::$test(&database).await;
                database.check().await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let database = super::suite::Database::postgres().await;
                super::suite::$module::$test(&database).await;
                database.check().await;
            })+
        }
    };
}

on_both_engines! {
    accounts::accounts_live,
    accounts::a_client_has_two_secrets_while_it_rotates,
    accounts::api_keys_live,
    accounts::failures_are_counted_and_forgotten,
    accounts::failures_at_once_are_all_counted,
    catalogue::products_live,
    catalogue::import_twice_changes_nothing_the_second_time,
    catalogue::barcodes_belong_to_one_product,
    files::work_is_held_by_one_and_taken_over_from_the_dead,
    files::many_take_different_work_at_once,
    files::an_import_goes_on_where_it_was,
    files::whoever_is_erased_is_in_no_export,
    files::exports_read_in_parts_what_is_there,
    fulfilment::an_order_leaves_in_parts,
    fulfilment::units_are_called_off,
    fulfilment::what_is_called_off_before_the_decision_is_not_reserved,
    fulfilment::what_came_back_is_sold_again_or_written_off,
    fulfilment::who_waits_longest_is_served_first,
    fulfilment::part_of_what_is_wanted_comes_with_each_delivery,
    fulfilment::every_way_that_stock_comes_is_told,
    fulfilment::statements_do_not_grow_with_those_who_wait,
    fulfilment::cancelling_against_shipping,
    fulfilment::parts_that_leave_at_once,
    fulfilment::returns_at_once,
    fulfilment::a_return_posted_twice_comes_back_once,
    fulfilment::two_instances_hand_out_at_once,
    fulfilment::calling_off_against_the_decision,
    holds::a_hold_is_made_extended_released_and_committed,
    holds::a_hold_that_is_short_of_one_line_takes_nothing,
    holds::two_lines_of_one_product_are_checked_against_their_sum,
    holds::what_is_at_several_places_is_not_held_twice,
    holds::whoever_asks_next_gets_what_was_held_too_long,
    holds::an_order_with_the_id_of_a_hold_is_parked,
    holds::the_last_unit_is_wanted_by_a_hundred,
    holds::expiring_and_committing_at_once_has_one_winner,
    holds::committing_at_once_makes_one_order,
    holds::releasing_and_committing_at_once_has_one_winner,
    holds::extending_and_expiring_at_once_has_one_winner,
    holds::statements_do_not_grow_with_the_lines_of_a_hold,
    holds::a_leaked_hold_is_found_by_reconciling,
    holds::looking_for_due_holds_reads_no_whole_table,
    transfers::a_transfer_leaves_one_place_and_arrives_at_the_other,
    transfers::what_does_not_arrive_is_lost_in_the_ledger,
    transfers::a_cancelled_transfer_is_back_where_it_came_from,
    transfers::a_transfer_takes_nothing_that_is_promised,
    transfers::a_transfer_and_an_order_at_once,
    transfers::receiving_and_cancelling_at_once_has_one_winner,
    transfers::transfers_both_ways_at_once_do_not_block_each_other,
    transfers::statements_do_not_grow_with_the_lines_of_a_transfer,
    transfers::a_product_in_transit_is_not_archived,
    stock::seed_requests,
    stock::a_stale_absolute_write_undoes_nothing,
    stock::deltas_at_once_are_all_counted,
    stock::reasons_go_one_way,
    stock::stock_as_it_was_and_what_it_is_worth_where,
    stock::items_asked_for_together_are_read_together,
    stock::refusals_change_nothing,
    stock::alerts_have_hysteresis,
    stock::sweep_settles_what_was_missed,
    stock::reconcile_finds_and_repairs,
    stock::the_ledger_is_append_only,
    levels::what_waits_is_counted,
    levels::measuring_ends_by_itself,
    levels::statements_and_waits_are_told,
    lists::changes_are_heard_of,
    lists::pages_in_every_order_are_the_whole_list,
    lists::searches_and_deep_pages_use_their_indexes,
    orders::placed_decided_and_shipped,
    orders::holds_expire_once,
    orders::due_holds_are_released_for_who_comes_next,
    orders::a_batch_with_everything_in_it,
    orders::statements_do_not_grow_with_the_batch,
    orders::hot_product_is_never_oversold,
    orders::two_lines_of_one_item_by_many_at_once,
    orders::plans_do_not_read_whole_tables,
    payments::nothing_ships_before_it_is_paid,
    payments::an_unpaid_order_expires_and_money_that_comes_late_is_due_back,
    payments::messages_in_another_order_give_the_same,
    payments::what_cannot_be_right_is_parked,
    payments::payment_against_expiry,
    payments::a_message_sent_many_times_at_once_counts_once,
    privacy::a_customer_is_erased_everywhere_and_nothing_else_changes,
    privacy::an_erasure_that_is_not_committed_has_changed_nothing,
    privacy::orders_and_the_erasure_of_their_customer_at_once,
    privacy::messages_name_customers_by_id,
    privacy::the_audit_trail_is_found_by_its_indexes,
    receivers::deliveries_are_tried_by_one_and_settled_once,
    receivers::who_does_not_want_to_be_told_is_switched_off_with_its_records,
    receivers::many_deliver_different_ones_at_once,
    receivers::there_are_not_more_receivers_than_there_may_be,
    counts::a_count_lives,
    counts::what_cannot_be_posted_is_reported,
    counts::two_counts_posted_at_once_are_exact,
    purchases::suppliers_live,
    purchases::a_purchase_order_lives,
    purchases::refused_purchases_change_nothing,
    purchases::receipts_at_once_never_receive_too_much,
    purchases::reconciling_finds_and_repairs_what_is_on_its_way,
    replenishment::suggestions_say_why,
    replenishment::suggestions_are_what_the_domain_says,
    replenishment::chosen_suggestions_are_ordered_once,
    replenishment::suggestions_are_found_by_indexes,
    records::idempotency_keys,
    records::orders_with_idempotency_keys,
    records::outbox_keeps_the_order_of_a_subject,
    records::events_keep_their_place_in_a_trace,
    records::a_migration_that_comes_after_a_later_one_is_applied,
    records::events_are_read_by_what_they_happened_to,
    records::the_event_history_is_told_what_it_lacks,
    records::parked_messages_are_replayed_once,
    records::every_write_leaves_its_records,
    records::migrations_run_at_once,
    records::orders_taken_at_once_share_their_commits,
    records::whoever_has_a_connection_waits_for_no_other,
}

-- name: get_setting
select value from setting where name = :name;

-- name: put_setting
insert into setting (name, value) values (:name, :value)
on conflict (name) do update set value = excluded.value;

-- name: move_money
-- One leg of a movement: adds signed amounts to one owner.
insert into balance (owner, currency, available, pending) values (:owner, :currency, :available, :pending)
on conflict (owner, currency) do update
set available = available + excluded.available, pending = pending + excluded.pending;

-- name: get_balance
select available, pending from balance where owner = :owner and currency = :currency;

-- name: balances_of
select currency, available, pending from balance where owner = :owner order by currency;

-- name: all_balances
select owner, currency, available, pending from balance order by owner, currency;

-- name: get_account
select id, created, transfers, closed from account where id = :id;

-- name: put_account
insert into account (id, created, transfers, closed) values (:id, :created, :transfers, :closed)
on conflict (id) do update set transfers = excluded.transfers, closed = excluded.closed;

-- name: insert_transfer
insert into transfer (id, created, visible_at, destination, transfer_group, idempotency_key, body)
values (:id, :created, :visible_at, :destination, :transfer_group, :idempotency_key, :body);

-- name: update_transfer
update transfer set body = :body where id = :id;

-- name: all_transfers
select idempotency_key, body from transfer order by sequence;

-- name: insert_reversal
insert into transfer_reversal (id, created, visible_at, transfer, body)
values (:id, :created, :visible_at, :transfer, :body);

-- name: update_reversal
update transfer_reversal set body = :body where id = :id;

-- name: reversals_of
select body from transfer_reversal where transfer = :transfer order by sequence desc limit 11;

-- name: insert_balance_transaction
insert into balance_transaction
    (id, created, visible_at, owner, type, source, currency, connected_account, body)
values
    (:id, :created, :visible_at, :owner, :type, :source, :currency, :connected_account, :body);

-- name: activity
-- What the platform's balance did in [start, end), oldest first: the rows of Stripe's activity report.
select connected_account, body from balance_transaction
where owner = :owner and created >= :start and created < :end and (:currency is null or currency = :currency)
order by sequence;

-- name: insert_event
insert into event (id, created, visible_at, type, body) values (:id, :created, :visible_at, :type, :body);

-- name: find_key
select key, fingerprint, path, request_id, status, body from idempotency_key where key = :key and expires_at > :now;

-- name: save_key
insert into idempotency_key (key, fingerprint, path, request_id, status, body, expires_at)
values (:key, :fingerprint, :path, :request_id, :status, :body, :expires_at);

-- name: prune_keys
delete from idempotency_key where expires_at <= :now;

-- name: plan_delivery
insert into webhook_delivery (event, planned_at, due_at) values (:event, :planned_at, :due_at);

-- name: due_deliveries
select id, event, attempts from webhook_delivery where due_at <= :now order by due_at, id limit :limit;

-- name: claim_delivery
update webhook_delivery set due_at = :due_at, attempts = attempts + 1 where id = :id;

-- name: get_delivery
select id, event, planned_at, due_at, attempts from webhook_delivery where id = :id;

-- name: postpone_delivery
update webhook_delivery set due_at = :due_at where id = :id;

-- name: drop_delivery
delete from webhook_delivery where id = :id;

-- name: pending_deliveries
select id, event, planned_at, due_at, attempts from webhook_delivery order by due_at, id;

-- name: is_delivery_pending
select 1 from webhook_delivery where event = :event limit 1;

-- name: add_to_agenda
insert into agenda (due_at, action, details) values (:due_at, :action, :details);

-- name: due_on_agenda
select id, action, details from agenda where due_at <= :now order by due_at, id limit 1;

-- name: strike_off_agenda
delete from agenda where id = :id;

-- name: next_due
select min(due_at) as due_at
from (
    select min(due_at) as due_at from agenda
    union all
    select min(due_at) from webhook_delivery
);

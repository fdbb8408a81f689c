-- The twin's own books. `sequence` is the order of creation; lists are read newest first along it. Times are seconds
-- since the epoch on the twin's clock, amounts are minor units. `visible_at` hides a new row from lists for a while.

create table if not exists setting (
    name  text primary key,
    value text not null
) strict;

-- One row per owner of money: the platform, each connected account, `outside` (where top-ups come from) and `bank`
-- (where connected accounts pay out to). Available and pending add up to zero over all owners, always.
create table if not exists balance (
    owner     text not null,
    currency  text not null,
    available integer not null default 0,
    pending   integer not null default 0,
    primary key (owner, currency)
) strict, without rowid;

create table if not exists account (
    id        text primary key,
    created   integer not null,
    transfers text not null check (transfers in ('active', 'inactive', 'pending')),
    closed    integer not null default 0
) strict;

create table if not exists transfer (
    sequence        integer primary key autoincrement,
    id              text not null unique,
    created         integer not null,
    visible_at      real not null,
    destination     text not null,
    transfer_group  text,
    idempotency_key text,
    body            text not null
) strict;
create index if not exists transfer_by_group on transfer (transfer_group, sequence);
create index if not exists transfer_by_destination on transfer (destination, sequence);

create table if not exists transfer_reversal (
    sequence   integer primary key autoincrement,
    id         text not null unique,
    created    integer not null,
    visible_at real not null,
    transfer   text not null references transfer (id),
    body       text not null
) strict;
create index if not exists reversal_by_transfer on transfer_reversal (transfer, sequence);

create table if not exists balance_transaction (
    sequence          integer primary key autoincrement,
    id                text not null unique,
    created           integer not null,
    visible_at        real not null,
    owner             text not null,
    type              text not null,
    source            text not null,
    currency          text not null,
    connected_account text,
    body              text not null
) strict;
create index if not exists balance_transaction_by_source on balance_transaction (source);
create index if not exists balance_transaction_by_owner on balance_transaction (owner, sequence);

create table if not exists event (
    sequence   integer primary key autoincrement,
    id         text not null unique,
    created    integer not null,
    visible_at real not null,
    type       text not null,
    body       text not null
) strict;

-- Answers of executed requests, kept until `expires_at`, a random 24 to 48 hours after they were saved.
create table if not exists idempotency_key (
    key         text primary key,
    fingerprint text not null,
    path        text not null,
    request_id  text not null,
    status      integer not null,
    body        blob not null,
    expires_at  real not null
) strict;
create index if not exists idempotency_key_by_expiry on idempotency_key (expires_at);

-- The outbox: one row per delivery still owed.
create table if not exists webhook_delivery (
    id         integer primary key,
    event      text not null references event (id),
    planned_at real not null,
    due_at     real not null,
    attempts   integer not null default 0
) strict;
create index if not exists webhook_delivery_by_due on webhook_delivery (due_at);
create index if not exists webhook_delivery_by_event on webhook_delivery (event);

-- What the sandbox itself will do later: funds that come back, capabilities that return, bank payouts.
create table if not exists agenda (
    id      integer primary key,
    due_at  real not null,
    action  text not null,
    details text not null
) strict;
create index if not exists agenda_by_due on agenda (due_at);

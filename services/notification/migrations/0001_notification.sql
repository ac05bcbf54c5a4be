create schema notification;

-- By month of the UUIDv7 id, like the payments they tell of.
create table notification.notifications (
  id         uuid primary key,
  tenant     text not null,
  user_id    text collate "C" not null,
  payment_id uuid not null,
  title      text not null,
  message    text not null,
  created_at bigint not null
) partition by range (id);

create table notification.notifications_default partition of notification.notifications default;

create index notifications_by_user on notification.notifications (tenant, user_id, id);

-- An operator opened it: it stays open until an operator closes it.
alter table gateway.breakers add column forced boolean not null default false;

-- How far a deliverer has come with a delivery that may go several ways, in its own words.
ALTER TABLE outbox ADD COLUMN progress TEXT NOT NULL DEFAULT '';
CREATE INDEX outbox_key ON outbox (channel, key);
CREATE INDEX outbox_done ON outbox (done_us) WHERE done_us IS NOT NULL;

BEGIN TRANSACTION;
CREATE TABLE account (
	id VARCHAR(36) NOT NULL, 
	email VARCHAR(254) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	language VARCHAR(2) NOT NULL, 
	password_hash VARCHAR(200), 
	confirmed DATETIME, 
	created DATETIME NOT NULL, 
	erased DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (email)
);
INSERT INTO "account" VALUES('00b30356-0ce3-43e5-90f7-22cf883f96f8','an@startup.example','an','nl','$argon2id$v=19$m=65536,t=3,p=4$7qnVmfRMN7H4iY199ZRDZA$W3gFYOSfjI+7pof4nFBqBIJOVhG0te1xPZf+uFZ1xsA','2026-03-02 11:00:00.000000','2026-03-02 11:00:00.000000',NULL);
INSERT INTO "account" VALUES('74ae57dd-f8d5-4dbe-8224-cc5045230bbf','o@hal.example','o','nl',NULL,'2026-03-02 11:00:00.000000','2026-03-02 11:00:00.000000',NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE api_token (
	id VARCHAR(36) NOT NULL, 
	organisation_id VARCHAR(63) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	scopes JSON NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	created DATETIME NOT NULL, 
	last_used DATETIME, 
	revoked DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(organisation_id) REFERENCES organisation (id), 
	UNIQUE (hash)
);
CREATE TABLE audit_entry (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	account_id VARCHAR(36), 
	token_id VARCHAR(36), 
	organisation_id VARCHAR(63), 
	action VARCHAR(60) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	details JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_entry" VALUES(1,'2026-03-02 11:00:00.000000',NULL,'configured','hal-2','machine.described','hal-2/mill-1','{}');
INSERT INTO "audit_entry" VALUES(2,'2026-03-02 11:00:00.000000','00b30356-0ce3-43e5-90f7-22cf883f96f8',NULL,'start-up-bv','booking.asked','dc4e5be8-2950-44cd-bb57-813cdf97c928','{"organisation": "start-up-bv"}');
INSERT INTO "audit_entry" VALUES(3,'2026-03-02 11:00:00.000000',NULL,'configured','hal-2','booking.accepted','dc4e5be8-2950-44cd-bb57-813cdf97c928','{}');
INSERT INTO "audit_entry" VALUES(4,'2026-03-02 11:00:00.000000',NULL,'configured','hal-2','listing.put','2c06e19f-a84f-40af-847a-b2ebcd05aad2','{}');
INSERT INTO "audit_entry" VALUES(5,'2026-03-02 11:00:00.000000','00b30356-0ce3-43e5-90f7-22cf883f96f8',NULL,'start-up-bv','search.wanted','2fa48d3a-ae1b-4d8f-9803-8d734e9cf756','{}');
INSERT INTO "audit_entry" VALUES(6,'2026-03-02 11:00:00.000000','74ae57dd-f8d5-4dbe-8224-cc5045230bbf',NULL,'hal-2','feed.made','95007c7a-1a2b-4bde-b334-6e2367c5f235','{}');
INSERT INTO "audit_entry" VALUES(7,'2026-03-02 11:00:00.000000','74ae57dd-f8d5-4dbe-8224-cc5045230bbf',NULL,'hal-2','webhook.added','12689d14-b007-409d-a722-024e3f9112ba','{}');
CREATE TABLE booking (
	id VARCHAR(36) NOT NULL, 
	offer_id VARCHAR(64), 
	listing_id VARCHAR(36), 
	provider VARCHAR(63) NOT NULL, 
	machine VARCHAR(63), 
	resource VARCHAR(140), 
	title VARCHAR(200) NOT NULL, 
	start DATETIME NOT NULL, 
	"end" DATETIME NOT NULL, 
	free_again DATETIME NOT NULL, 
	places INTEGER NOT NULL, 
	seeker VARCHAR(63), 
	account_id VARCHAR(36), 
	organisation VARCHAR(200) NOT NULL, 
	email VARCHAR(254) NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	due DATETIME, 
	cancel_until DATETIME NOT NULL, 
	price NUMERIC(12, 2), 
	booked DATETIME NOT NULL, 
	request_key VARCHAR(64), 
	PRIMARY KEY (id), 
	FOREIGN KEY(offer_id) REFERENCES offer (id), 
	FOREIGN KEY(listing_id) REFERENCES listing (id), 
	FOREIGN KEY(seeker) REFERENCES organisation (id), 
	FOREIGN KEY(account_id) REFERENCES account (id)
);
INSERT INTO "booking" VALUES('dc4e5be8-2950-44cd-bb57-813cdf97c928','o1',NULL,'hal-2','mill-1','hal-2/mill-1','Freesbank DMU 50','2026-03-02 16:00:00.000000','2026-03-02 19:00:00.000000','2026-03-02 19:00:00.000000',1,'start-up-bv','00b30356-0ce3-43e5-90f7-22cf883f96f8','start-up-bv','an@startup.example','accepted','2026-03-02 16:00:00.000000','2026-03-01 16:00:00.000000',180,'2026-03-02 11:00:00.000000',NULL);
CREATE TABLE booking_event (
	id INTEGER NOT NULL, 
	booking_id VARCHAR(36) NOT NULL, 
	at DATETIME NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	party VARCHAR(10) NOT NULL, 
	account_id VARCHAR(36), 
	PRIMARY KEY (id), 
	FOREIGN KEY(booking_id) REFERENCES booking (id)
);
INSERT INTO "booking_event" VALUES(1,'dc4e5be8-2950-44cd-bb57-813cdf97c928','2026-03-02 11:00:00.000000','requested','seeker','00b30356-0ce3-43e5-90f7-22cf883f96f8');
INSERT INTO "booking_event" VALUES(2,'dc4e5be8-2950-44cd-bb57-813cdf97c928','2026-03-02 11:00:00.000000','held','platform',NULL);
INSERT INTO "booking_event" VALUES(3,'dc4e5be8-2950-44cd-bb57-813cdf97c928','2026-03-02 11:00:00.000000','accepted','provider',NULL);
CREATE TABLE booking_message (
	id INTEGER NOT NULL, 
	booking_id VARCHAR(36) NOT NULL, 
	at DATETIME NOT NULL, 
	organisation_id VARCHAR(63), 
	account_id VARCHAR(36), 
	text TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(booking_id) REFERENCES booking (id)
);
INSERT INTO "booking_message" VALUES(1,'dc4e5be8-2950-44cd-bb57-813cdf97c928','2026-03-02 11:00:00.000000','start-up-bv','00b30356-0ce3-43e5-90f7-22cf883f96f8','Hebt u een spanplaat?');
CREATE TABLE calendar_feed (
	id VARCHAR(36) NOT NULL, 
	organisation_id VARCHAR(63) NOT NULL, 
	subject VARCHAR(80) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(organisation_id) REFERENCES organisation (id), 
	UNIQUE (hash)
);
INSERT INTO "calendar_feed" VALUES('95007c7a-1a2b-4bde-b334-6e2367c5f235','hal-2','provider','0e3b7a58e058ce722988f12cf332a3d33474788573964680f4e6078b3b0b2a0a','2026-03-02 11:00:00.000000');
CREATE TABLE catalogue_version (
	id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "catalogue_version" VALUES(1,3);
CREATE TABLE listing (
	id VARCHAR(36) NOT NULL, 
	organisation_id VARCHAR(63) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	description TEXT NOT NULL, 
	start DATETIME NOT NULL, 
	"end" DATETIME NOT NULL, 
	price NUMERIC(10, 2), 
	price_unit VARCHAR(10) NOT NULL, 
	places INTEGER, 
	details JSON NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	changed DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);
INSERT INTO "listing" VALUES('2c06e19f-a84f-40af-847a-b2ebcd05aad2','hal-2','training','Draaien voor beginners','','2026-03-01 00:00:00.000000','2026-06-30 00:00:00.000000',NULL,'day',8,'{"process": "", "skills": [], "certificates": [], "hours_per_week": null, "use": null, "languages": [], "sessions": [], "place": ""}','open','2026-03-02 11:00:00.000000');
CREATE TABLE listing_giver (
	listing_id VARCHAR(36) NOT NULL, 
	organisation_id VARCHAR(63) NOT NULL, 
	agreed DATETIME, 
	PRIMARY KEY (listing_id, organisation_id), 
	FOREIGN KEY(listing_id) REFERENCES listing (id), 
	FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);
CREATE TABLE machine (
	factory VARCHAR(63) NOT NULL, 
	machine VARCHAR(63) NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	process VARCHAR(100) NOT NULL, 
	now VARCHAR(20) NOT NULL, 
	since DATETIME, details JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (factory, machine)
);
INSERT INTO "machine" VALUES('hal-2','mill-1','Freesbank DMU 50','milling','in_use','2026-03-02 11:00:00.000000','{"make": "DMG MORI", "model": "", "description": "", "din_8580": "", "processes": [], "envelope_mm": null, "axes": 5, "materials": [], "tolerance_mm": null, "table_load_kg": null, "certificates": [], "place": "Sint-Truiden", "latitude": 50.81679, "longitude": 5.18647, "address": "Dijk 4"}');
CREATE TABLE mail (
	id VARCHAR(36) NOT NULL, 
	account_id VARCHAR(36), 
	"to" VARCHAR(254) NOT NULL, 
	subject VARCHAR(300) NOT NULL, 
	text TEXT NOT NULL, 
	created DATETIME NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt DATETIME, 
	sent DATETIME, 
	error VARCHAR(300) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "mail" VALUES('38aade51-b1ba-4e61-8137-c6a897ec990b','00b30356-0ce3-43e5-90f7-22cf883f96f8','an@startup.example','Uw aanvraag: Freesbank DMU 50','','2026-03-02 11:00:00.000000',1,NULL,'2026-03-02 11:00:00.000000','');
INSERT INTO "mail" VALUES('5197f695-f286-40e6-81af-bf11fd5bbf9c','00b30356-0ce3-43e5-90f7-22cf883f96f8','an@startup.example','Aanvaard: Freesbank DMU 50','','2026-03-02 11:00:00.000000',1,NULL,'2026-03-02 11:00:00.000000','');
CREATE TABLE mailed_link (
	hash VARCHAR(64) NOT NULL, 
	account_id VARCHAR(36) NOT NULL, 
	expires DATETIME NOT NULL, 
	used DATETIME, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(account_id) REFERENCES account (id)
);
CREATE TABLE membership (
	account_id VARCHAR(36) NOT NULL, 
	organisation_id VARCHAR(63) NOT NULL, 
	role VARCHAR(10) NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (account_id, organisation_id), 
	FOREIGN KEY(account_id) REFERENCES account (id), 
	FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);
INSERT INTO "membership" VALUES('00b30356-0ce3-43e5-90f7-22cf883f96f8','start-up-bv','owner','2026-03-02 11:00:00.000000');
INSERT INTO "membership" VALUES('74ae57dd-f8d5-4dbe-8224-cc5045230bbf','hal-2','owner','2026-03-02 11:00:00.000000');
CREATE TABLE "offer" (
	id VARCHAR(64) NOT NULL, 
	factory VARCHAR(63) NOT NULL, 
	machine VARCHAR(63) NOT NULL, 
	start DATETIME NOT NULL, 
	"end" DATETIME NOT NULL, 
	probability FLOAT NOT NULL, 
	checked INTEGER NOT NULL, 
	broken INTEGER NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	changed DATETIME NOT NULL, 
	operator VARCHAR(20) DEFAULT 'included' NOT NULL, 
	price_per_hour NUMERIC(10, 2), 
	price_minimum NUMERIC(10, 2), 
	visibility VARCHAR(10) DEFAULT 'public' NOT NULL, 
	partners JSON DEFAULT '[]' NOT NULL, 
	length_s INTEGER DEFAULT '0' NOT NULL, 
	parent_id VARCHAR(64), 
	offered_start DATETIME NOT NULL, 
	offered_end DATETIME NOT NULL, 
	booking VARCHAR(10) DEFAULT 'instant' NOT NULL, 
	minimum_hours FLOAT, 
	buffer_minutes INTEGER DEFAULT '0' NOT NULL, 
	cancellation_hours INTEGER DEFAULT '24' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT offer_parent FOREIGN KEY(parent_id) REFERENCES offer (id)
);
INSERT INTO "offer" VALUES('o1','hal-2','mill-1','2026-03-02 14:00:00.000000','2026-03-02 16:00:00.000000',0.937,40,2,'open','2026-03-02 11:00:00.000000','included',60,NULL,'public','[]',7200,NULL,'2026-03-02 14:00:00.000000','2026-03-02 22:00:00.000000','on_request',2.0,0,24);
INSERT INTO "offer" VALUES('o2','hal-2','mill-1','2026-03-03 14:00:00.000000','2026-03-03 18:00:00.000000',0.937,40,2,'open','2026-03-02 11:00:00.000000','included',NULL,NULL,'public','[]',14400,NULL,'2026-03-03 14:00:00.000000','2026-03-03 18:00:00.000000','instant',NULL,0,24);
INSERT INTO "offer" VALUES('5d60ed43-d905-583e-8938-43200720f110','hal-2','mill-1','2026-03-02 19:00:00.000000','2026-03-02 22:00:00.000000',0.937,40,2,'open','2026-03-02 11:00:00.000000','included',60,NULL,'public','[]',10800,'o1','2026-03-02 14:00:00.000000','2026-03-02 22:00:00.000000','on_request',2.0,0,24);
CREATE TABLE organisation (
	id VARCHAR(63) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	vat VARCHAR(20) NOT NULL, 
	place VARCHAR(100) NOT NULL, 
	latitude FLOAT, 
	longitude FLOAT, 
	address VARCHAR(300) NOT NULL, 
	created DATETIME NOT NULL, 
	decided DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "organisation" VALUES('start-up','start-up','factory','approved','','',NULL,NULL,'','2026-03-02 11:00:00.000000','2026-03-02 11:00:00.000000');
INSERT INTO "organisation" VALUES('hal-3','hal-3','factory','approved','','',NULL,NULL,'','2026-03-02 11:00:00.000000','2026-03-02 11:00:00.000000');
INSERT INTO "organisation" VALUES('hal-2','hal-2','factory','approved','','',NULL,NULL,'','2026-03-02 11:00:00.000000','2026-03-02 11:00:00.000000');
INSERT INTO "organisation" VALUES('start-up-bv','start-up-bv','seeker','approved','','',NULL,NULL,'','2026-03-02 11:00:00.000000',NULL);
CREATE TABLE rate_window (
	"key" VARCHAR(64) NOT NULL, 
	began DATETIME NOT NULL, 
	count INTEGER NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "rate_window" VALUES('9afc6f3e2b2edba2f18f54c4ac19b3e73bad2b42e9f3bcf139505e37160febfd','2026-03-02 11:00:00.000000',1);
CREATE TABLE search (
	id VARCHAR(36) NOT NULL, 
	organisation_id VARCHAR(63) NOT NULL, 
	account_id VARCHAR(36), 
	kind VARCHAR(10) NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	text TEXT NOT NULL, 
	wish JSON NOT NULL, 
	notify VARCHAR(10) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	created DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account_id) REFERENCES account (id), 
	FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);
INSERT INTO "search" VALUES('2fa48d3a-ae1b-4d8f-9803-8d734e9cf756','start-up-bv','00b30356-0ce3-43e5-90f7-22cf883f96f8','wanted','Assen draaien','40 stuks','{"process": "milling", "near": "Genk"}','mail','open','2026-03-02 11:00:00.000000');
CREATE TABLE search_match (
	search_id VARCHAR(36) NOT NULL, 
	subject VARCHAR(140) NOT NULL, 
	score FLOAT NOT NULL, 
	reasons JSON NOT NULL, 
	found DATETIME NOT NULL, 
	PRIMARY KEY (search_id, subject), 
	FOREIGN KEY(search_id) REFERENCES search (id)
);
INSERT INTO "search_match" VALUES('2fa48d3a-ae1b-4d8f-9803-8d734e9cf756','offer:o1',8.48872788998285665584e-01,'[{"code": "process", "values": {"process": "milling"}}, {"code": "distance", "values": {"km": 28}}, {"code": "sure", "values": {"probability": 0.937}}]','2026-03-02 11:00:00.000000');
INSERT INTO "search_match" VALUES('2fa48d3a-ae1b-4d8f-9803-8d734e9cf756','offer:5d60ed43-d905-583e-8938-43200720f110',8.48872788998285665584e-01,'[{"code": "process", "values": {"process": "milling"}}, {"code": "distance", "values": {"km": 28}}, {"code": "sure", "values": {"probability": 0.937}}]','2026-03-02 11:00:00.000000');
INSERT INTO "search_match" VALUES('2fa48d3a-ae1b-4d8f-9803-8d734e9cf756','offer:o2',8.48872788998285665584e-01,'[{"code": "process", "values": {"process": "milling"}}, {"code": "distance", "values": {"km": 28}}, {"code": "sure", "values": {"probability": 0.937}}]','2026-03-02 11:00:00.000000');
CREATE TABLE web_session (
	hash VARCHAR(64) NOT NULL, 
	account_id VARCHAR(36) NOT NULL, 
	organisation_id VARCHAR(63), 
	created DATETIME NOT NULL, 
	expires DATETIME NOT NULL, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(account_id) REFERENCES account (id), 
	FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);
INSERT INTO "web_session" VALUES('edfb3d8f712876b042945ffba6c74b593d848e339c04f03a154cb94305d67b40','00b30356-0ce3-43e5-90f7-22cf883f96f8','start-up-bv','2026-03-02 11:00:00.000000','2026-03-16 11:00:00.000000');
INSERT INTO "web_session" VALUES('e632467fb260fb636d7bdec7615be6564f573f6b6c160e943ce0106562f63a76','74ae57dd-f8d5-4dbe-8224-cc5045230bbf','hal-2','2026-03-02 11:00:00.000000','2026-03-16 11:00:00.000000');
CREATE TABLE webhook (
	id VARCHAR(36) NOT NULL, 
	organisation_id VARCHAR(63) NOT NULL, 
	url VARCHAR(500) NOT NULL, 
	secret VARCHAR(200) NOT NULL, 
	configured BOOLEAN NOT NULL, 
	created DATETIME NOT NULL, 
	removed DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);
INSERT INTO "webhook" VALUES('12689d14-b007-409d-a722-024e3f9112ba','hal-2','http://127.0.0.1:9/x','whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0',0,'2026-03-02 11:00:00.000000',NULL);
CREATE TABLE webhook_delivery (
	id VARCHAR(36) NOT NULL, 
	webhook_id VARCHAR(36) NOT NULL, 
	kind VARCHAR(60) NOT NULL, 
	data JSON NOT NULL, 
	created DATETIME NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt DATETIME, 
	arrived DATETIME, 
	error VARCHAR(300) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(webhook_id) REFERENCES webhook (id)
);
CREATE INDEX audit_by_organisation ON audit_entry (organisation_id, id);
CREATE INDEX mail_due ON mail (next_attempt);
CREATE INDEX api_token_by_organisation ON api_token (organisation_id);
CREATE INDEX membership_by_organisation ON membership (organisation_id);
CREATE INDEX web_session_by_account ON web_session (account_id);
CREATE INDEX webhook_by_organisation ON webhook (organisation_id);
CREATE INDEX delivery_by_webhook ON webhook_delivery (webhook_id, created);
CREATE INDEX delivery_due ON webhook_delivery (next_attempt);
CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE INDEX feed_by_organisation ON calendar_feed (organisation_id);
CREATE INDEX listing_by_kind ON listing (status, kind, id);
CREATE INDEX listing_by_owner ON listing (organisation_id);
CREATE INDEX search_by_kind ON search (kind, status, id);
CREATE INDEX search_by_owner ON search (organisation_id);
CREATE INDEX offer_by_length ON offer (status, length_s);
CREATE INDEX offer_by_time ON offer (status, start, id);
CREATE INDEX offer_by_factory_and_time ON offer (status, factory, start, id);
CREATE INDEX offer_by_machine ON offer (factory, machine, status, start);
CREATE INDEX offer_by_parent ON offer (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX booking_by_resource ON booking (resource, start);
CREATE INDEX booking_by_provider ON booking (provider, "end");
CREATE INDEX booking_by_seeker ON booking (seeker, "end");
CREATE INDEX booking_by_offer ON booking (offer_id);
CREATE INDEX booking_by_listing ON booking (listing_id);
CREATE INDEX booking_due ON booking (due);
CREATE UNIQUE INDEX booking_by_request ON booking (request_key);
CREATE TRIGGER booking_no_overlap_insert BEFORE INSERT ON booking
            WHEN NEW.resource IS NOT NULL AND NEW.state IN ('held', 'accepted', 'in_use', 'completed') AND EXISTS (
                SELECT 1 FROM booking WHERE resource = NEW.resource AND id <> NEW.id AND state IN ('held', 'accepted', 'in_use', 'completed')
                AND start < NEW.free_again AND free_again > NEW.start)
            BEGIN SELECT RAISE(ABORT, 'these hours are booked already'); END;
CREATE TRIGGER booking_no_overlap_update BEFORE UPDATE OF state, start, free_again, resource ON booking
            WHEN NEW.resource IS NOT NULL AND NEW.state IN ('held', 'accepted', 'in_use', 'completed') AND EXISTS (
                SELECT 1 FROM booking WHERE resource = NEW.resource AND id <> NEW.id AND state IN ('held', 'accepted', 'in_use', 'completed')
                AND start < NEW.free_again AND free_again > NEW.start)
            BEGIN SELECT RAISE(ABORT, 'these hours are booked already'); END;
CREATE INDEX event_by_booking ON booking_event (booking_id, id);
CREATE INDEX message_by_booking ON booking_message (booking_id, id);
CREATE TRIGGER booking_event_no_update BEFORE UPDATE ON booking_event BEGIN SELECT RAISE(ABORT, 'booking_event is append-only'); END;
CREATE TRIGGER booking_event_no_delete BEFORE DELETE ON booking_event BEGIN SELECT RAISE(ABORT, 'booking_event is append-only'); END;
COMMIT;

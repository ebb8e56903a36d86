
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

CREATE FUNCTION public.audit_entry_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'audit_entry is append-only'; END $$;

CREATE FUNCTION public.booking_event_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'booking_event is append-only'; END $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.account (
    id character varying(36) NOT NULL,
    email character varying(254) NOT NULL,
    name character varying(200) NOT NULL,
    language character varying(2) NOT NULL,
    password_hash character varying(200),
    confirmed timestamp without time zone,
    created timestamp without time zone NOT NULL,
    erased timestamp without time zone
);

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.api_token (
    id character varying(36) NOT NULL,
    organisation_id character varying(63) NOT NULL,
    name character varying(100) NOT NULL,
    scopes json NOT NULL,
    hash character varying(64) NOT NULL,
    created timestamp without time zone NOT NULL,
    last_used timestamp without time zone,
    revoked timestamp without time zone
);

CREATE TABLE public.audit_entry (
    id integer NOT NULL,
    at timestamp without time zone NOT NULL,
    account_id character varying(36),
    token_id character varying(36),
    organisation_id character varying(63),
    action character varying(60) NOT NULL,
    subject character varying(200) NOT NULL,
    details json NOT NULL
);

CREATE SEQUENCE public.audit_entry_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.audit_entry_id_seq OWNED BY public.audit_entry.id;

CREATE TABLE public.booking (
    id character varying(36) NOT NULL,
    offer_id character varying(64),
    listing_id character varying(36),
    provider character varying(63) NOT NULL,
    machine character varying(63),
    resource character varying(140),
    title character varying(200) NOT NULL,
    start timestamp without time zone NOT NULL,
    "end" timestamp without time zone NOT NULL,
    free_again timestamp without time zone NOT NULL,
    places integer NOT NULL,
    seeker character varying(63),
    account_id character varying(36),
    organisation character varying(200) NOT NULL,
    email character varying(254) NOT NULL,
    state character varying(10) NOT NULL,
    due timestamp without time zone,
    cancel_until timestamp without time zone NOT NULL,
    price numeric(12,2),
    booked timestamp without time zone NOT NULL,
    request_key character varying(64)
);

CREATE TABLE public.booking_event (
    id integer NOT NULL,
    booking_id character varying(36) NOT NULL,
    at timestamp without time zone NOT NULL,
    state character varying(10) NOT NULL,
    party character varying(10) NOT NULL,
    account_id character varying(36)
);

CREATE SEQUENCE public.booking_event_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.booking_event_id_seq OWNED BY public.booking_event.id;

CREATE TABLE public.booking_message (
    id integer NOT NULL,
    booking_id character varying(36) NOT NULL,
    at timestamp without time zone NOT NULL,
    organisation_id character varying(63),
    account_id character varying(36),
    text text NOT NULL
);

CREATE SEQUENCE public.booking_message_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.booking_message_id_seq OWNED BY public.booking_message.id;

CREATE TABLE public.calendar_feed (
    id character varying(36) NOT NULL,
    organisation_id character varying(63) NOT NULL,
    subject character varying(80) NOT NULL,
    hash character varying(64) NOT NULL,
    created timestamp without time zone NOT NULL
);

CREATE TABLE public.catalogue_version (
    id integer NOT NULL,
    version integer NOT NULL
);

CREATE SEQUENCE public.catalogue_version_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.catalogue_version_id_seq OWNED BY public.catalogue_version.id;

CREATE TABLE public.listing (
    id character varying(36) NOT NULL,
    organisation_id character varying(63) NOT NULL,
    kind character varying(20) NOT NULL,
    title character varying(200) NOT NULL,
    description text NOT NULL,
    start timestamp without time zone NOT NULL,
    "end" timestamp without time zone NOT NULL,
    price numeric(10,2),
    price_unit character varying(10) NOT NULL,
    places integer,
    details json NOT NULL,
    status character varying(10) NOT NULL,
    changed timestamp without time zone NOT NULL
);

CREATE TABLE public.listing_giver (
    listing_id character varying(36) NOT NULL,
    organisation_id character varying(63) NOT NULL,
    agreed timestamp without time zone
);

CREATE TABLE public.machine (
    factory character varying(63) NOT NULL,
    machine character varying(63) NOT NULL,
    title character varying(200) NOT NULL,
    process character varying(100) NOT NULL,
    now character varying(20) NOT NULL,
    since timestamp without time zone,
    details json DEFAULT '{}'::json NOT NULL
);

CREATE TABLE public.mail (
    id character varying(36) NOT NULL,
    account_id character varying(36),
    "to" character varying(254) NOT NULL,
    subject character varying(300) NOT NULL,
    text text NOT NULL,
    created timestamp without time zone NOT NULL,
    attempts integer NOT NULL,
    next_attempt timestamp without time zone,
    sent timestamp without time zone,
    error character varying(300) NOT NULL
);

CREATE TABLE public.mailed_link (
    hash character varying(64) NOT NULL,
    account_id character varying(36) NOT NULL,
    expires timestamp without time zone NOT NULL,
    used timestamp without time zone
);

CREATE TABLE public.membership (
    account_id character varying(36) NOT NULL,
    organisation_id character varying(63) NOT NULL,
    role character varying(10) NOT NULL,
    created timestamp without time zone NOT NULL
);

CREATE TABLE public.offer (
    id character varying(64) NOT NULL,
    factory character varying(63) NOT NULL,
    machine character varying(63) NOT NULL,
    start timestamp without time zone NOT NULL,
    "end" timestamp without time zone NOT NULL,
    probability double precision NOT NULL,
    checked integer NOT NULL,
    broken integer NOT NULL,
    status character varying(10) NOT NULL,
    changed timestamp without time zone NOT NULL,
    operator character varying(20) DEFAULT 'included'::character varying NOT NULL,
    price_per_hour numeric(10,2),
    price_minimum numeric(10,2),
    visibility character varying(10) DEFAULT 'public'::character varying NOT NULL,
    partners json DEFAULT '[]'::json NOT NULL,
    length_s integer DEFAULT 0 NOT NULL,
    parent_id character varying(64),
    offered_start timestamp without time zone NOT NULL,
    offered_end timestamp without time zone NOT NULL,
    booking character varying(10) DEFAULT 'instant'::character varying NOT NULL,
    minimum_hours double precision,
    buffer_minutes integer DEFAULT 0 NOT NULL,
    cancellation_hours integer DEFAULT 24 NOT NULL
);

CREATE TABLE public.organisation (
    id character varying(63) NOT NULL,
    name character varying(200) NOT NULL,
    kind character varying(20) NOT NULL,
    status character varying(10) NOT NULL,
    vat character varying(20) NOT NULL,
    place character varying(100) NOT NULL,
    latitude double precision,
    longitude double precision,
    address character varying(300) NOT NULL,
    created timestamp without time zone NOT NULL,
    decided timestamp without time zone
);

CREATE TABLE public.rate_window (
    key character varying(64) NOT NULL,
    began timestamp without time zone NOT NULL,
    count integer NOT NULL
);

CREATE TABLE public.search (
    id character varying(36) NOT NULL,
    organisation_id character varying(63) NOT NULL,
    account_id character varying(36),
    kind character varying(10) NOT NULL,
    title character varying(200) NOT NULL,
    text text NOT NULL,
    wish json NOT NULL,
    notify character varying(10) NOT NULL,
    status character varying(10) NOT NULL,
    created timestamp without time zone NOT NULL
);

CREATE TABLE public.search_match (
    search_id character varying(36) NOT NULL,
    subject character varying(140) NOT NULL,
    score double precision NOT NULL,
    reasons json NOT NULL,
    found timestamp without time zone NOT NULL
);

CREATE TABLE public.web_session (
    hash character varying(64) NOT NULL,
    account_id character varying(36) NOT NULL,
    organisation_id character varying(63),
    created timestamp without time zone NOT NULL,
    expires timestamp without time zone NOT NULL
);

CREATE TABLE public.webhook (
    id character varying(36) NOT NULL,
    organisation_id character varying(63) NOT NULL,
    url character varying(500) NOT NULL,
    secret character varying(200) NOT NULL,
    configured boolean NOT NULL,
    created timestamp without time zone NOT NULL,
    removed timestamp without time zone
);

CREATE TABLE public.webhook_delivery (
    id character varying(36) NOT NULL,
    webhook_id character varying(36) NOT NULL,
    kind character varying(60) NOT NULL,
    data json NOT NULL,
    created timestamp without time zone NOT NULL,
    attempts integer NOT NULL,
    next_attempt timestamp without time zone,
    arrived timestamp without time zone,
    error character varying(300) NOT NULL
);

ALTER TABLE ONLY public.audit_entry ALTER COLUMN id SET DEFAULT nextval('public.audit_entry_id_seq'::regclass);

ALTER TABLE ONLY public.booking_event ALTER COLUMN id SET DEFAULT nextval('public.booking_event_id_seq'::regclass);

ALTER TABLE ONLY public.booking_message ALTER COLUMN id SET DEFAULT nextval('public.booking_message_id_seq'::regclass);

ALTER TABLE ONLY public.catalogue_version ALTER COLUMN id SET DEFAULT nextval('public.catalogue_version_id_seq'::regclass);

INSERT INTO public.account VALUES ('f67a942b-8f06-4b43-ba05-ea4d2379c942', 'o@hal.example', 'o', 'nl', NULL, '2026-03-02 11:00:00', '2026-03-02 11:00:00', NULL);
INSERT INTO public.account VALUES ('612be74c-9cd7-44f9-8918-56bef4d10aac', 'an@startup.example', 'an', 'nl', '$argon2id$v=19$m=65536,t=3,p=4$u1dl4JiSqMXIM3fpSH4wzw$GOADPAanIEcVh0u7GsYXeGedz+hdUmzghSBWOpq40Qo', '2026-03-02 11:00:00', '2026-03-02 11:00:00', NULL);

INSERT INTO public.alembic_version VALUES ('0005');

INSERT INTO public.audit_entry VALUES (1, '2026-03-02 11:00:00', NULL, 'configured', 'hal-2', 'machine.described', 'hal-2/mill-1', '{}');
INSERT INTO public.audit_entry VALUES (2, '2026-03-02 11:00:00', '612be74c-9cd7-44f9-8918-56bef4d10aac', NULL, 'start-up-bv', 'booking.asked', 'c5ddb893-e9f2-4f6f-bec1-f4ffc7793445', '{"organisation": "start-up-bv"}');
INSERT INTO public.audit_entry VALUES (3, '2026-03-02 11:00:00', NULL, 'configured', 'hal-2', 'booking.accepted', 'c5ddb893-e9f2-4f6f-bec1-f4ffc7793445', '{}');
INSERT INTO public.audit_entry VALUES (4, '2026-03-02 11:00:00', NULL, 'configured', 'hal-2', 'listing.put', '83395b00-ee47-4569-bfc7-b04353bdf6f0', '{}');
INSERT INTO public.audit_entry VALUES (5, '2026-03-02 11:00:00', '612be74c-9cd7-44f9-8918-56bef4d10aac', NULL, 'start-up-bv', 'search.wanted', 'f4d5360f-5dbf-442c-9b1a-5e4dea08c060', '{}');
INSERT INTO public.audit_entry VALUES (6, '2026-03-02 11:00:00', 'f67a942b-8f06-4b43-ba05-ea4d2379c942', NULL, 'hal-2', 'feed.made', '0a212956-4a46-46c9-b76c-6189aa4133da', '{}');
INSERT INTO public.audit_entry VALUES (7, '2026-03-02 11:00:00', 'f67a942b-8f06-4b43-ba05-ea4d2379c942', NULL, 'hal-2', 'webhook.added', '03679862-0d73-422d-9f88-4a2e6e86ef2e', '{}');

INSERT INTO public.booking VALUES ('c5ddb893-e9f2-4f6f-bec1-f4ffc7793445', 'o1', NULL, 'hal-2', 'mill-1', 'hal-2/mill-1', 'Freesbank DMU 50', '2026-03-02 16:00:00', '2026-03-02 19:00:00', '2026-03-02 19:00:00', 1, 'start-up-bv', '612be74c-9cd7-44f9-8918-56bef4d10aac', 'start-up-bv', 'an@startup.example', 'accepted', '2026-03-02 16:00:00', '2026-03-01 16:00:00', 180.00, '2026-03-02 11:00:00', NULL);

INSERT INTO public.booking_event VALUES (1, 'c5ddb893-e9f2-4f6f-bec1-f4ffc7793445', '2026-03-02 11:00:00', 'requested', 'seeker', '612be74c-9cd7-44f9-8918-56bef4d10aac');
INSERT INTO public.booking_event VALUES (2, 'c5ddb893-e9f2-4f6f-bec1-f4ffc7793445', '2026-03-02 11:00:00', 'held', 'platform', NULL);
INSERT INTO public.booking_event VALUES (3, 'c5ddb893-e9f2-4f6f-bec1-f4ffc7793445', '2026-03-02 11:00:00', 'accepted', 'provider', NULL);

INSERT INTO public.booking_message VALUES (1, 'c5ddb893-e9f2-4f6f-bec1-f4ffc7793445', '2026-03-02 11:00:00', 'start-up-bv', '612be74c-9cd7-44f9-8918-56bef4d10aac', 'Hebt u een spanplaat?');

INSERT INTO public.calendar_feed VALUES ('0a212956-4a46-46c9-b76c-6189aa4133da', 'hal-2', 'provider', '3759a21d3f084721791d54e86a1f384e3c7f487faa69daf56f2f58aebfb69d13', '2026-03-02 11:00:00');

INSERT INTO public.catalogue_version VALUES (1, 3);

INSERT INTO public.listing VALUES ('83395b00-ee47-4569-bfc7-b04353bdf6f0', 'hal-2', 'training', 'Draaien voor beginners', '', '2026-03-01 00:00:00', '2026-06-30 00:00:00', NULL, 'day', 8, '{"process": "", "skills": [], "certificates": [], "hours_per_week": null, "use": null, "languages": [], "sessions": [], "place": ""}', 'open', '2026-03-02 11:00:00');

INSERT INTO public.machine VALUES ('hal-2', 'mill-1', 'Freesbank DMU 50', 'milling', 'in_use', '2026-03-02 11:00:00', '{"make": "DMG MORI", "model": "", "description": "", "din_8580": "", "processes": [], "envelope_mm": null, "axes": 5, "materials": [], "tolerance_mm": null, "table_load_kg": null, "certificates": [], "place": "Sint-Truiden", "latitude": 50.81679, "longitude": 5.18647, "address": "Dijk 4"}');

INSERT INTO public.mail VALUES ('af77f1ad-70d7-48d3-a7fb-0fb899e820d8', '612be74c-9cd7-44f9-8918-56bef4d10aac', 'an@startup.example', 'Uw aanvraag: Freesbank DMU 50', '', '2026-03-02 11:00:00', 1, NULL, '2026-03-02 11:00:00', '');
INSERT INTO public.mail VALUES ('51dbeba7-b427-4841-8648-5728c78683b3', '612be74c-9cd7-44f9-8918-56bef4d10aac', 'an@startup.example', 'Aanvaard: Freesbank DMU 50', '', '2026-03-02 11:00:00', 1, NULL, '2026-03-02 11:00:00', '');

INSERT INTO public.membership VALUES ('612be74c-9cd7-44f9-8918-56bef4d10aac', 'start-up-bv', 'owner', '2026-03-02 11:00:00');
INSERT INTO public.membership VALUES ('f67a942b-8f06-4b43-ba05-ea4d2379c942', 'hal-2', 'owner', '2026-03-02 11:00:00');

INSERT INTO public.offer VALUES ('o2', 'hal-2', 'mill-1', '2026-03-03 14:00:00', '2026-03-03 18:00:00', 0.937, 40, 2, 'open', '2026-03-02 11:00:00', 'included', NULL, NULL, 'public', '[]', 14400, NULL, '2026-03-03 14:00:00', '2026-03-03 18:00:00', 'instant', NULL, 0, 24);
INSERT INTO public.offer VALUES ('o1', 'hal-2', 'mill-1', '2026-03-02 14:00:00', '2026-03-02 16:00:00', 0.937, 40, 2, 'open', '2026-03-02 11:00:00', 'included', 60.00, NULL, 'public', '[]', 7200, NULL, '2026-03-02 14:00:00', '2026-03-02 22:00:00', 'on_request', 2, 0, 24);
INSERT INTO public.offer VALUES ('5d60ed43-d905-583e-8938-43200720f110', 'hal-2', 'mill-1', '2026-03-02 19:00:00', '2026-03-02 22:00:00', 0.937, 40, 2, 'open', '2026-03-02 11:00:00', 'included', 60.00, NULL, 'public', '[]', 10800, 'o1', '2026-03-02 14:00:00', '2026-03-02 22:00:00', 'on_request', 2, 0, 24);

INSERT INTO public.organisation VALUES ('hal-2', 'hal-2', 'factory', 'approved', '', '', NULL, NULL, '', '2026-03-02 11:00:00', '2026-03-02 11:00:00');
INSERT INTO public.organisation VALUES ('hal-3', 'hal-3', 'factory', 'approved', '', '', NULL, NULL, '', '2026-03-02 11:00:00', '2026-03-02 11:00:00');
INSERT INTO public.organisation VALUES ('start-up', 'start-up', 'factory', 'approved', '', '', NULL, NULL, '', '2026-03-02 11:00:00', '2026-03-02 11:00:00');
INSERT INTO public.organisation VALUES ('start-up-bv', 'start-up-bv', 'seeker', 'approved', '', '', NULL, NULL, '', '2026-03-02 11:00:00', NULL);

INSERT INTO public.rate_window VALUES ('9afc6f3e2b2edba2f18f54c4ac19b3e73bad2b42e9f3bcf139505e37160febfd', '2026-03-02 11:00:00', 1);

INSERT INTO public.search VALUES ('f4d5360f-5dbf-442c-9b1a-5e4dea08c060', 'start-up-bv', '612be74c-9cd7-44f9-8918-56bef4d10aac', 'wanted', 'Assen draaien', '40 stuks', '{"process": "milling", "near": "Genk"}', 'mail', 'open', '2026-03-02 11:00:00');

INSERT INTO public.search_match VALUES ('f4d5360f-5dbf-442c-9b1a-5e4dea08c060', 'offer:o1', 0.8488727889982857, '[{"code": "process", "values": {"process": "milling"}}, {"code": "distance", "values": {"km": 28}}, {"code": "sure", "values": {"probability": 0.937}}]', '2026-03-02 11:00:00');
INSERT INTO public.search_match VALUES ('f4d5360f-5dbf-442c-9b1a-5e4dea08c060', 'offer:5d60ed43-d905-583e-8938-43200720f110', 0.8488727889982857, '[{"code": "process", "values": {"process": "milling"}}, {"code": "distance", "values": {"km": 28}}, {"code": "sure", "values": {"probability": 0.937}}]', '2026-03-02 11:00:00');
INSERT INTO public.search_match VALUES ('f4d5360f-5dbf-442c-9b1a-5e4dea08c060', 'offer:o2', 0.8488727889982857, '[{"code": "process", "values": {"process": "milling"}}, {"code": "distance", "values": {"km": 28}}, {"code": "sure", "values": {"probability": 0.937}}]', '2026-03-02 11:00:00');

INSERT INTO public.web_session VALUES ('25236ccda3452eff7cb3318803bf238d92603b69c6161a615a27867646080158', '612be74c-9cd7-44f9-8918-56bef4d10aac', 'start-up-bv', '2026-03-02 11:00:00', '2026-03-16 11:00:00');
INSERT INTO public.web_session VALUES ('a5d2cec5ac44f9602c4853f07631315e3d9ef6d3c65c6d68c21f4dda56397498', 'f67a942b-8f06-4b43-ba05-ea4d2379c942', 'hal-2', '2026-03-02 11:00:00', '2026-03-16 11:00:00');

INSERT INTO public.webhook VALUES ('03679862-0d73-422d-9f88-4a2e6e86ef2e', 'hal-2', 'http://127.0.0.1:9/x', 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0', false, '2026-03-02 11:00:00', NULL);

SELECT pg_catalog.setval('public.audit_entry_id_seq', 7, true);

SELECT pg_catalog.setval('public.booking_event_id_seq', 3, true);

SELECT pg_catalog.setval('public.booking_message_id_seq', 1, true);

SELECT pg_catalog.setval('public.catalogue_version_id_seq', 1, false);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_email_key UNIQUE (email);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.booking_event
    ADD CONSTRAINT booking_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.booking_message
    ADD CONSTRAINT booking_message_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_no_overlap EXCLUDE USING gist (resource WITH =, tsrange(start, free_again) WITH &&) WHERE (((resource IS NOT NULL) AND ((state)::text = ANY ((ARRAY['held'::character varying, 'accepted'::character varying, 'in_use'::character varying, 'completed'::character varying])::text[]))));

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.calendar_feed
    ADD CONSTRAINT calendar_feed_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.calendar_feed
    ADD CONSTRAINT calendar_feed_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.catalogue_version
    ADD CONSTRAINT catalogue_version_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.listing_giver
    ADD CONSTRAINT listing_giver_pkey PRIMARY KEY (listing_id, organisation_id);

ALTER TABLE ONLY public.listing
    ADD CONSTRAINT listing_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.machine
    ADD CONSTRAINT machine_pkey PRIMARY KEY (factory, machine);

ALTER TABLE ONLY public.mail
    ADD CONSTRAINT mail_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.mailed_link
    ADD CONSTRAINT mailed_link_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_pkey PRIMARY KEY (account_id, organisation_id);

ALTER TABLE ONLY public.offer
    ADD CONSTRAINT offer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.organisation
    ADD CONSTRAINT organisation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rate_window
    ADD CONSTRAINT rate_window_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.search_match
    ADD CONSTRAINT search_match_pkey PRIMARY KEY (search_id, subject);

ALTER TABLE ONLY public.search
    ADD CONSTRAINT search_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (id);

CREATE INDEX api_token_by_organisation ON public.api_token USING btree (organisation_id);

CREATE INDEX audit_by_organisation ON public.audit_entry USING btree (organisation_id, id);

CREATE INDEX booking_by_listing ON public.booking USING btree (listing_id);

CREATE INDEX booking_by_offer ON public.booking USING btree (offer_id);

CREATE INDEX booking_by_provider ON public.booking USING btree (provider, "end");

CREATE UNIQUE INDEX booking_by_request ON public.booking USING btree (request_key);

CREATE INDEX booking_by_resource ON public.booking USING btree (resource, start);

CREATE INDEX booking_by_seeker ON public.booking USING btree (seeker, "end");

CREATE INDEX booking_due ON public.booking USING btree (due);

CREATE INDEX delivery_by_webhook ON public.webhook_delivery USING btree (webhook_id, created);

CREATE INDEX delivery_due ON public.webhook_delivery USING btree (next_attempt);

CREATE INDEX event_by_booking ON public.booking_event USING btree (booking_id, id);

CREATE INDEX feed_by_organisation ON public.calendar_feed USING btree (organisation_id);

CREATE INDEX listing_by_kind ON public.listing USING btree (status, kind, id);

CREATE INDEX listing_by_owner ON public.listing USING btree (organisation_id);

CREATE INDEX mail_due ON public.mail USING btree (next_attempt);

CREATE INDEX membership_by_organisation ON public.membership USING btree (organisation_id);

CREATE INDEX message_by_booking ON public.booking_message USING btree (booking_id, id);

CREATE INDEX offer_by_factory_and_time ON public.offer USING btree (status, factory, start, id);

CREATE INDEX offer_by_length ON public.offer USING btree (status, length_s);

CREATE INDEX offer_by_machine ON public.offer USING btree (factory, machine, status, start);

CREATE INDEX offer_by_parent ON public.offer USING btree (parent_id) WHERE (parent_id IS NOT NULL);

CREATE INDEX offer_by_time ON public.offer USING btree (status, start, id);

CREATE INDEX search_by_kind ON public.search USING btree (kind, status, id);

CREATE INDEX search_by_owner ON public.search USING btree (organisation_id);

CREATE INDEX web_session_by_account ON public.web_session USING btree (account_id);

CREATE INDEX webhook_by_organisation ON public.webhook USING btree (organisation_id);

CREATE TRIGGER audit_entry_append_only BEFORE DELETE OR UPDATE ON public.audit_entry FOR EACH ROW EXECUTE FUNCTION public.audit_entry_refuse();

CREATE TRIGGER booking_event_append_only BEFORE DELETE OR UPDATE ON public.booking_event FOR EACH ROW EXECUTE FUNCTION public.booking_event_refuse();

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id);

ALTER TABLE ONLY public.booking_event
    ADD CONSTRAINT booking_event_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.booking(id);

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES public.listing(id);

ALTER TABLE ONLY public.booking_message
    ADD CONSTRAINT booking_message_booking_id_fkey FOREIGN KEY (booking_id) REFERENCES public.booking(id);

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_offer_id_fkey1 FOREIGN KEY (offer_id) REFERENCES public.offer(id);

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_seeker_fkey FOREIGN KEY (seeker) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.calendar_feed
    ADD CONSTRAINT calendar_feed_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.listing_giver
    ADD CONSTRAINT listing_giver_listing_id_fkey FOREIGN KEY (listing_id) REFERENCES public.listing(id);

ALTER TABLE ONLY public.listing_giver
    ADD CONSTRAINT listing_giver_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.listing
    ADD CONSTRAINT listing_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.mailed_link
    ADD CONSTRAINT mailed_link_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.offer
    ADD CONSTRAINT offer_parent FOREIGN KEY (parent_id) REFERENCES public.offer(id);

ALTER TABLE ONLY public.search
    ADD CONSTRAINT search_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id);

ALTER TABLE ONLY public.search_match
    ADD CONSTRAINT search_match_search_id_fkey FOREIGN KEY (search_id) REFERENCES public.search(id);

ALTER TABLE ONLY public.search
    ADD CONSTRAINT search_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhook(id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(id);


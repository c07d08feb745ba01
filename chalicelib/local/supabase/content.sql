-- What users of a project make, one of everything that backups got wrong somewhere. Run by
-- postgres, who is no superuser.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA extensions;
CREATE EXTENSION IF NOT EXISTS citext SCHEMA extensions;

CREATE TABLE public.profiles (
  id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE,
  handle extensions.citext UNIQUE, display_name text, note text,
  created_at timestamptz NOT NULL DEFAULT now());
ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own profile" ON public.profiles TO authenticated
  USING (id = auth.uid()) WITH CHECK (id = auth.uid());
CREATE POLICY "named profiles" ON public.profiles FOR SELECT TO anon
  USING (display_name IS NOT NULL);
CREATE FUNCTION public.welcome() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
-- a comment at the beginning of a line, which no tool may take away
BEGIN
  INSERT INTO public.profiles (id, handle) VALUES (NEW.id, split_part(NEW.email, '@', 1))
    ON CONFLICT DO NOTHING;
  RETURN NEW;
END $$;
CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users
  FOR EACH ROW EXECUTE FUNCTION public.welcome();

CREATE TABLE public."Order Items" (
  "Id" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Customer" uuid REFERENCES auth.users,
  quantity int NOT NULL, price numeric(10, 2) NOT NULL,
  total numeric GENERATED ALWAYS AS (quantity * price) STORED, remark text);
CREATE INDEX "remark words" ON public."Order Items"
  USING gin (remark extensions.gin_trgm_ops);
ALTER TABLE public."Order Items" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own orders" ON public."Order Items" FOR SELECT TO authenticated
  USING ("Customer" = auth.uid());
-- narrower than the defaults of the schema
REVOKE ALL ON public."Order Items" FROM anon;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON public."Order Items" FROM authenticated;
CREATE TRIGGER tell_orders AFTER INSERT ON public."Order Items"
  FOR EACH ROW EXECUTE FUNCTION supabase_functions.http_request();

CREATE TABLE public.hens (id int PRIMARY KEY, first_egg int);
CREATE TABLE public.eggs (id int PRIMARY KEY, hen int NOT NULL REFERENCES public.hens);
ALTER TABLE public.hens ADD FOREIGN KEY (first_egg) REFERENCES public.eggs;
INSERT INTO public.hens VALUES (1, NULL), (2, NULL);
INSERT INTO public.eggs VALUES (1, 1), (2, 2), (3, 1);
UPDATE public.hens SET first_egg = id;

CREATE SCHEMA private;
CREATE TABLE private.ledger (
  id serial PRIMARY KEY, entry text NOT NULL, amount numeric NOT NULL);
INSERT INTO private.ledger (entry, amount) VALUES
  ('-- not a comment', 1), (E'two\nlines', 2), (E'\\.', 3), ('Grüße 🐘', -4.50);
CREATE SEQUENCE private.invoice_numbers START 1000 INCREMENT 10;
SELECT setval('private.invoice_numbers', 1230);
CREATE MATERIALIZED VIEW private.balance AS
  SELECT count(*) AS entries, sum(amount) AS total FROM private.ledger;

CREATE FUNCTION public.customers() RETURNS bigint LANGUAGE sql STABLE
  AS $$ SELECT count(DISTINCT "Customer") FROM public."Order Items" $$;
COMMENT ON FUNCTION public.customers() IS 'how many customers there are';
CREATE VIEW public.totals WITH (security_invoker = true) AS
  SELECT "Customer", sum(total) AS total FROM public."Order Items" GROUP BY 1;
ALTER PUBLICATION supabase_realtime ADD TABLE public.hens, public."Order Items";
CREATE PUBLICATION reports FOR TABLE private.ledger WITH (publish = 'insert');
SELECT lo_from_bytea(0, decode(repeat('c0ffee', 1000), 'hex'));

CREATE ROLE report_reader LOGIN PASSWORD 'a password that no backup holds';
ALTER ROLE report_reader SET statement_timeout = '90s';
CREATE ROLE report_team NOLOGIN;
GRANT report_team TO report_reader;
GRANT USAGE ON SCHEMA private TO report_team;
GRANT SELECT ON private.balance TO report_team;
ALTER ROLE authenticated SET statement_timeout = '9s';

CREATE POLICY "own files" ON storage.objects TO authenticated
  USING (bucket_id = 'avatars' AND owner_id = auth.uid()::text)
  WITH CHECK (bucket_id = 'avatars' AND owner_id = auth.uid()::text);
CREATE POLICY "open files" ON storage.objects FOR SELECT TO anon
  USING (bucket_id = 'avatars' AND (storage.foldername(name))[1] = 'open');

SELECT cron.schedule('nightly totals', '30 3 * * *', 'REFRESH MATERIALIZED VIEW private.balance');
SELECT cron.schedule('15 * * * *', $job$DELETE FROM private.ledger WHERE entry = 'it''s gone'$job$);
SELECT vault.create_secret('canary-vault-77', 'payment key', 'of the shop');
INSERT INTO supabase_migrations.schema_migrations
VALUES ('20250101000000', ARRAY['CREATE TABLE public.profiles ()'], 'profiles');

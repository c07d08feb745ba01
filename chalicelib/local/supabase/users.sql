-- Users with all that hangs on them, as many as stand_in.users says. The one with number n has the
-- id 00000000-0000-4000-8000-00000000000n, so that anybody can ask for it. Run by supabase_admin.
INSERT INTO auth.users (id, aud, role, email, encrypted_password, email_confirmed_at,
                        raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
       'authenticated', 'authenticated', 'user' || n || '@example.org',
       '$2a$10$' || md5(n::text), now(), '{"provider": "email"}',
       jsonb_build_object('name', 'User ' || n), now(), now()
  FROM generate_series(1, current_setting('stand_in.users')::int) n;
INSERT INTO auth.identities (provider_id, user_id, identity_data, provider, created_at)
SELECT id::text, id, jsonb_build_object('sub', id, 'email', upper(email)), 'email', now()
  FROM auth.users;
INSERT INTO auth.sessions (id, user_id, created_at)
SELECT gen_random_uuid(), id, now() FROM auth.users;
INSERT INTO auth.refresh_tokens (token, user_id, revoked, created_at, session_id)
SELECT md5(id::text), user_id::text, false, now(), id FROM auth.sessions;
INSERT INTO auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, secret)
SELECT gen_random_uuid(), id, '-- phone', 'totp', 'verified', now(), 'canary-mfa-11'
  FROM auth.users ORDER BY id LIMIT 2;
INSERT INTO auth.audit_log_entries (id, payload, created_at)
SELECT gen_random_uuid(), '{"action": "login"}', now() FROM auth.users;
INSERT INTO auth.flow_state (id, user_id, auth_code)
SELECT gen_random_uuid(), id, 'code' FROM auth.users ORDER BY id LIMIT 1;
-- the profiles were made by the user's own trigger on auth.users
UPDATE public.profiles SET display_name = 'Known', note = '-- begins like a comment'
 WHERE id IN (SELECT id FROM auth.users ORDER BY id LIMIT 3);
INSERT INTO public."Order Items" ("Customer", quantity, price, remark)
SELECT id, 1 + (row_number() OVER (ORDER BY id)) % 5, 9.99, 'for ' || email FROM auth.users;
REFRESH MATERIALIZED VIEW private.balance;
INSERT INTO storage.buckets_vectors (id) VALUES ('embeddings');

import { useActionState, useEffect, useId } from 'react';
import { isApiError } from '../api/api-error.ts';
import { Mark } from './icon.tsx';
import { usePageTitle } from './page-title.ts';
import { useServices } from './services.tsx';

/** The key goes to the server and nowhere else; what stays in the browser is a cookie that scripts cannot read. */
export function SignIn() {
  const { api, session } = useServices();
  const field = useId();
  const hint = useId();
  usePageTitle('Sign in');
  useEffect(() => {
    if (session.owesSignOut()) void api.signOut().then(session.signOutTold, () => undefined);
  }, [api, session]);
  const [problem, submit, busy] = useActionState(async (_before: string, form: FormData) => {
    const apiKey = String(form.get('apiKey') ?? '').trim();
    if (apiKey === '') return 'Enter an API key.';
    try {
      await api.signIn(apiKey);
      session.signedIn();
      return '';
    } catch (error) {
      if (!isApiError(error)) throw error;
      return error.kind === 'signed-out' ? 'This server does not know that key.' : error.message;
    }
  }, '');
  return (
    <form className="sign-in panel" action={submit}>
      <Mark />
      <h1>Sign in</h1>
      <p id={hint}>This server asks for an API key. Whoever runs it can give you one.</p>
      <label htmlFor={field}>API key</label>
      <input
        id={field}
        name="apiKey"
        type="password"
        autoComplete="current-password"
        aria-describedby={hint}
        required
      />
      <p className="problem" role="alert">
        {problem}
      </p>
      {/* Not disabled: it would lose the focus, which somebody needs again when the key was wrong. */}
      <button
        type="submit"
        className="button button-primary"
        aria-disabled={busy}
        onClick={(event) => {
          if (busy) event.preventDefault();
        }}
      >
        {busy ? 'Signing in …' : 'Sign in'}
      </button>
    </form>
  );
}

/** Two tabs of one origin share one session. In real Chromium, with a cloud that speaks CORS. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADA, setUp, signInToken } from './support.mjs';

const request = (page) => page.evaluate(async (id) => (await globalThis.sdk.request({ method: 'GET', path: `/v2/user/${id}` })).status, ADA);

test('two tabs share one session', async (t) => {
  const { cloud, context, tab } = await setUp(t);
  const [first, second] = [await tab(), await tab()];
  await first.evaluate((token) => globalThis.sdk.signIn(token), signInToken());

  await t.test('a sign-in in one tab is seen in the other, and reported there', async () => {
    assert.equal(await second.evaluate(() => globalThis.sdk.currentUserId()), ADA);
    assert.deepEqual(await second.evaluate(() => globalThis.reports), ['configured signedIn useSignInToken']);
    assert.equal(await request(second), 200);
  });

  await t.test('tabs that need a new access token at the same time send one refresh', async () => {
    cloud.expire();
    // Until all four have been refused.
    cloud.onRefresh = () => (cloud.hold ??= new Promise((resolve) => setTimeout(resolve, 500)));
    assert.deepEqual(await Promise.all([first, second, first, second].map(request)), [200, 200, 200, 200]);
    assert.equal(cloud.refreshes, 1);
    cloud.hold = null;
  });

  await t.test('a tab that is killed while it refreshes gives back the lock', async () => {
    cloud.expire();
    let release = () => {};
    cloud.hold = new Promise((resolve) => (release = () => resolve()));
    const third = await tab();
    const begun = new Promise((resolve) => (cloud.onRefresh = resolve));
    const lost = request(third).catch(() => 'killed');
    await begun;
    const waiting = request(first);
    const session = await context.newCDPSession(third);
    const dead = new Promise((resolve) => third.once('crash', resolve));
    session.send('Page.crash').catch(() => {});
    await dead;
    await third.close();
    assert.equal(await lost, 'killed');
    release();
    cloud.hold = null;
    assert.equal(await waiting, 200);
    assert.equal(cloud.refreshes, 3);
  });

  await t.test('the stored record has no token in it that can be read without its key, and the key cannot be exported', async () => {
    const stored = await first.evaluate(async () => {
      const open = indexedDB.open('signin');
      await new Promise((resolve) => (open.onsuccess = resolve));
      const get = open.result.transaction('session').objectStore('session').get('record');
      await new Promise((resolve) => (get.onsuccess = resolve));
      const { key, data } = get.result;
      return { extractable: key.extractable, text: new TextDecoder('latin1').decode(data) };
    });
    assert.equal(stored.extractable, false);
    assert.doesNotMatch(stored.text, /refresh|access/);
  });

  await t.test('a sign-out in one tab ends the session in the other, which is told', async () => {
    await first.evaluate(() => globalThis.sdk.signOut());
    assert.deepEqual(await second.evaluate(() => globalThis.sdk.status()), []);
    assert.equal(await second.evaluate(() => globalThis.reports.at(-1)), '');
    await assert.rejects(request(second), /no user is signed in/);
    assert.equal(cloud.refreshes, 3);
  });
});

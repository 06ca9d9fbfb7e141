import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** How many tabs stay open in which the app has ended in order. They are reloaded if their case goes on. */
const KEPT = 6;
/** How long a renderer may take to end, in milliseconds. */
const DEATH = 2_000;
/** The mark of an installation. Vouch empties the folders for a new one. */
const MARK = 'installed-in-browser';

/**
 * @typedef {import('playwright-core').Page} Page
 * @typedef {{ site: string, pid: number, url: string, installation: string }} Launch
 * @typedef {{ page: Page, devTools: import('playwright-core').CDPSession, launch: Launch, client: import('node:net').Socket | null }} Tab
 */

/** The tabs of one browser, by site. */
export class Sites {
  #context;
  #port;
  /** @type {Map<Page, Tab>} */
  #tabs = new Map();
  /** @type {Tab[]} tabs in which the app has ended in order, the oldest first */
  #ended = [];
  /** @type {Map<string, Promise<void>>} the last kill of each site */
  #kills = new Map();

  /**
   * @param {import('playwright-core').BrowserContext} context
   * @param {number} port of the page's server
   */
  constructor(context, port) {
    this.#context = context;
    this.#port = port;
  }

  /**
   * @param {import('playwright-core').BrowserContext} context
   * @param {number} port
   */
  static async over(context, port) {
    const sites = new Sites(context, port);
    await context.exposeBinding('vouchLaunch', ({ page }) => sites.#tabs.get(page)?.launch);
    await context.exposeBinding('vouchStorage', ({ page }, storage) => sites.#install(page, storage));
    await context.exposeBinding('vouchEnded', ({ page }) => sites.#end(page));
    return sites;
  }

  /**
   * Launches the app in a tab. The tab lives as long as its client, and ends the client when it ends.
   * @param {Launch} launch
   * @param {import('node:net').Socket} client
   */
  async launch(launch, client) {
    try {
      await this.#kills.get(launch.site);
      await this.#show(launch, client);
    } catch (error) {
      client.end(`the page did not load: ${/** @type {any} */ (error).message}\n`);
    }
  }

  /**
   * @param {Launch} launch
   * @param {import('node:net').Socket} client
   */
  async #show(launch, client) {
    const tab = this.#endedOf(launch.site) ?? (await this.#open(launch));
    tab.launch = launch;
    tab.client = client;
    const held = holdErrorOutput(launch.pid);
    client.on('close', () => {
      if (tab.client === client) this.#kills.set(launch.site, this.#kill(tab).finally(() => release(held)));
      else release(held);
    });
    if (client.closed) this.#kills.set(launch.site, this.#kill(tab));
    const address = `http://${launch.site}.localhost:${this.#port}/`;
    if (tab.page.url() === address) await tab.page.reload({ waitUntil: 'commit' });
    else await tab.page.goto(address, { waitUntil: 'commit' });
  }

  /** @param {string} site */
  #endedOf(site) {
    const found = this.#ended.findIndex((tab) => tab.launch.site === site);
    return found < 0 ? null : this.#ended.splice(found, 1)[0];
  }

  /** @param {Launch} launch */
  async #open(launch) {
    const page = await this.#context.newPage();
    /** @type {Tab} */
    const tab = { page, devTools: await this.#context.newCDPSession(page), launch, client: null };
    this.#tabs.set(page, tab);
    page.on('close', () => this.#tabs.delete(page));
    page.on('crash', () => tab.client?.end('the renderer has crashed\n'));
    page.on('console', (message) => tab.client?.write(`${message.text()}\n`));
    page.on('pageerror', (error) => tab.client?.write(`${error.stack}\n`));
    return tab;
  }

  /**
   * Kills the renderer: no handler of the page runs. Then closes its empty tab.
   * @param {Tab} tab
   */
  async #kill(tab) {
    const { page, devTools } = tab;
    tab.client = null;
    const dead = new Promise((resolve) => {
      page.once('crash', resolve);
      setTimeout(resolve, DEATH);
    });
    try {
      devTools.send('Page.crash').catch(() => {}); // nobody is left to answer
      await dead;
      await page.close();
    } catch {
      // It was closed already.
    }
  }

  /** @param {Page} page */
  #end(page) {
    const tab = this.#tabs.get(page);
    if (tab === undefined || tab.client === null) return;
    const { client } = tab;
    tab.client = null;
    this.#ended.push(tab);
    client.end();
    if (this.#ended.length > KEPT) this.#ended.shift()?.page.close().catch(() => {});
  }

  /**
   * Clears the data of a site unless both folders have the mark: a browser keeps all data of a site or none.
   * @param {Page} page
   * @param {{ secure: string, plain: string }} storage
   */
  async #install(page, { secure, plain }) {
    const marks = [secure, plain].map((folder) => path.join(folder, MARK));
    if (marks.every((mark) => existsSync(mark))) return;
    const { origin } = new URL(page.url());
    await this.#tabs.get(page)?.devTools.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
    for (const mark of marks) writeFileSync(mark, 'The data of this site are in the profile of Chromium.\n');
  }
}

/**
 * Holds the standard error of a client open. When Vouch has killed the client it waits for the end of that output, for
 * 200 ms at most: so the renderer is dead before Vouch goes on.
 * @param {number} pid
 */
function holdErrorOutput(pid) {
  try {
    return openSync(`/proc/${pid}/fd/2`, 'w');
  } catch {
    return null; // the client has ended, or this system has no /proc
  }
}

/** @param {number | null} held */
function release(held) {
  if (held !== null) closeSync(held);
}

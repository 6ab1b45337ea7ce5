/** Which router a command asks. */
import { setting } from "@baton/config";

export const routerSettings = {
  url: setting.url({
    flag: "url",
    env: "BATON_URL",
    default: "http://127.0.0.1:8000",
    doc: "The router's API",
  }),
} as const;

import { AppRegistry } from "react-native";

import { loadChunksOnDemand } from "./device/chunks.web";
import { goOffline } from "./device/offline";
import { keepTabValues } from "./device/keyvalues.web";
import { listenForTokens, platform } from "./device/platform.web";
import { App } from "./ui/App";

function Root() {
  return <App platform={platform} />;
}

loadChunksOnDemand();
listenForTokens();
keepTabValues();
AppRegistry.registerComponent("main", () => Root);
AppRegistry.runApplication("main", { rootTag: document.getElementById("root") });
goOffline();

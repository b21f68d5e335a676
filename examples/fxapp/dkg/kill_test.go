package dkg

const asNode = "FXAPP_DKG_AS_NODE"

func playNode() {}
